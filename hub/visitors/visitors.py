"""Strangers on our web pages, put together."""

from __future__ import annotations

from datetime import UTC, datetime

from hub.availability import Availability
from hub.config import Config
from hub.ingest import Ingest
from hub.live import Live
from hub.store import Store
from hub.visitors.fronts import fronts
from hub.visitors.leads import Leads
from hub.visitors.stamps import Stamps
from hub.visitors.talks import Talks


class Visitors:
    """The forms and chats of *config*. *key* is the store's own (`hub.letters.token.key`)."""

    def __init__(
        self, config: Config, store: Store, ingest: Ingest, live: Live, availability: Availability, key: str
    ) -> None:
        self.fronts = fronts(config)
        """Every page, by the name of its source."""
        self.stamps = Stamps(key)
        self.leads = Leads(config, store, ingest)
        self.talks = Talks(config, store, ingest, live, availability)

    def stamp(self, source: str) -> str:
        """A stamp for the form of *source*, shown now."""
        return self.stamps.made(source, datetime.now(UTC))
