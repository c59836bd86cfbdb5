"""Who looks at a booking page: her language, her time zone, and how often she asks."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from aiohttp import web
from babel import dates
from disposable_email_domains import blocklist

from hub.config_booking import BookingConfig
from hub.formats import handles
from hub.web import i18n
from hub.web.access import Attempts, TooMany
from hub.web.auth import client_address
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.problems import Problem

WINDOW = 300.0
MOST_FROM_ADDRESS = 60
"""Times held, booked, moved or cancelled from one address within the window: an office shares one."""
MOST_FOR_MAIL = 10
"""Bookings in the name of one mail address within the window."""
MOST_LOOKS = 600
"""Times asked for from one address within the window."""


class Gate:
    """How often somebody may ask, counted in memory by address."""

    def __init__(self) -> None:
        self._looks = Attempts(MOST_LOOKS, WINDOW)
        self._acts = Attempts(MOST_FROM_ADDRESS, WINDOW)
        self._mails = Attempts(MOST_FOR_MAIL, WINDOW)

    def look(self, request: web.Request) -> None:
        """She asks which times are free. Raises `Problem` 429."""
        _count(self._looks, client_address(request))

    def act(self, request: web.Request) -> None:
        """She wants something done. Raises `Problem` 429."""
        _count(self._acts, client_address(request))

    def book(self, mail: str) -> None:
        """Something is booked in the name of *mail*. Raises `Problem` 429."""
        _count(self._mails, mail)


def _count(attempts: Attempts, key: str) -> None:
    try:
        attempts.begin(key)
    except TooMany as error:
        text = f"Too many attempts from here. Try again in {error.seconds} seconds."
        raise Problem(429, "too-many", text, headers={"Retry-After": str(error.seconds)}) from error


def refused_domain(config: BookingConfig, mail: str) -> bool:
    """Whether nobody books from that mail address's domain: it is a throw-away one, or the config names it."""
    domain = (handles.mail(mail) or "").rpartition("@")[2]
    parts = domain.split(".")
    parents = {".".join(parts[begin:]) for begin in range(len(parts) - 1)}
    return bool(parents & blocklist) or bool(parents & set(config.refused_domains))


def languages(request: web.Request, among: Collection[str] = ()) -> tuple[str, ...]:
    """The languages that the pages speak, of *among* alone where any are named that we have."""
    ours = tuple(tag for tag in request.app[SERVICE].config.languages if tag in i18n.TAGS) or i18n.TAGS[:1]
    return tuple(tag for tag in ours if tag in among) or ours


def reader(request: web.Request, *, zone: str = "", language: str = "", among: Collection[str] = ()) -> Reader:
    """The language (of *among*, where any are named) and zone that the page is to speak: those of the address, of the
    booking, of the browser."""
    config = request.app[SERVICE].config
    offered = languages(request, among)
    tag = i18n.chosen(request.query.get("lang", "") or language, request.headers.get("Accept-Language", ""), offered)
    wanted = request.query.get("zone", "")
    return Reader.at(tag, wanted if wanted in i18n.zones() else zone or config.timezone)


@cache
def zones(tag: str) -> tuple[tuple[str, str], ...]:
    """The zones to choose from, each with its city in the language *tag*, in the order of the names."""
    locale = Reader.at(tag, "UTC").locale
    named = [(name, dates.get_timezone_location(name, locale=locale, return_city=True)) for name in _chosen()]
    return tuple(sorted(named, key=lambda pair: pair[1]))


@cache
def _chosen() -> tuple[str, ...]:
    """One name for each place: those with a continent."""
    places = (
        "Africa/",
        "America/",
        "Antarctica/",
        "Asia/",
        "Atlantic/",
        "Australia/",
        "Europe/",
        "Indian/",
        "Pacific/",
    )
    return tuple(sorted(name for name in i18n.zones() if name.startswith(places)))
