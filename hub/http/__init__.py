"""Asking over HTTP: a provider that the config names (`Client`), or whatever a stranger names (`Guarded`).

Plug-ins ask with these and with nothing else, so that what a provider says can never send the hub somewhere.
"""

from __future__ import annotations

from hub.http.client import CONNECT_SECONDS as CONNECT_SECONDS
from hub.http.client import LARGEST as LARGEST
from hub.http.client import LONGEST_WORDS as LONGEST_WORDS
from hub.http.client import REDIRECTS as REDIRECTS
from hub.http.client import SECONDS as SECONDS
from hub.http.client import Answer as Answer
from hub.http.client import Client as Client
from hub.http.guarded import Guarded as Guarded
from hub.http.guarded import Page as Page
