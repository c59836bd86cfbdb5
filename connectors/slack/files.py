"""Where Slack keeps files: beside its API, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import hub
from connectors.slack.settings import SlackSettings
from hub.http import Client


def client(url: str, settings: SlackSettings, headers: Mapping[str, str] | None = None) -> Client:
    """A client for the host of *url*, which must be Slack's. Raises `hub.Unsupported`."""
    api = urlsplit(settings.api_url)
    try:
        parts = urlsplit(url)
        place = (parts.scheme, parts.netloc)
    except ValueError:
        place = ("", "")
    if place not in ((api.scheme, api.netloc), (api.scheme, f"files.{api.netloc}")):
        raise hub.Unsupported("The file does not lie at Slack, so that it is not asked for.")
    return Client(f"{place[0]}://{place[1]}", headers=headers, cure="bot_token: the app needs the scope files:read")
