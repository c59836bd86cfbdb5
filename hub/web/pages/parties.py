"""Who took part in interactions, under the names that the reader knows."""

from hub.inbox.parties import Parties as Parties
from hub.inbox.parties import Party as Party
from hub.inbox.parties import names_of as names_of
from hub.inbox.parties import parties as parties
