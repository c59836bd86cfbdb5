"""Plug-ins by name: `provider = "mastodon"` means `connectors.mastodon` and/or `webhooks.mastodon`.

A module is imported only when something configured needs it. Third parties offer theirs by entry points of the groups
`hub.connectors`, `hub.webhooks` and `hub.adapters`, each naming a module built like ours.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

from hub.contracts import (
    Adapter,
    Calendar,
    Connector,
    Dialer,
    Door,
    Fetcher,
    Profiles,
    Recorder,
    Sender,
    Settings,
    Teller,
    Webhook,
)

Plugin = Connector | Door | Webhook | Sender | Dialer | Recorder | Calendar | Fetcher | Profiles | Teller


class UnknownPlugin(LookupError):
    """There is no plug-in of that name. The text names the nearest."""


class BrokenPlugin(Exception):
    """A plug-in is there and cannot be used. The text says which and why; the hub does not start with it."""


@dataclass(frozen=True, slots=True)
class Provider:
    """What one provider's folder and door offer: any of these, at least one."""

    name: str
    connector: type[Connector] | None = None
    door: type[Door] | None = None
    webhook: type[Webhook] | None = None
    sender: type[Sender] | None = None
    dialer: type[Dialer] | None = None
    recorder: type[Recorder] | None = None
    calendar: type[Calendar] | None = None
    fetcher: type[Fetcher] | None = None
    profiles: type[Profiles] | None = None
    teller: type[Teller] | None = None

    @property
    def settings(self) -> tuple[type[Settings], ...]:
        """The settings of its plug-ins, each class once."""
        plugins = (
            *(self.connector, self.door, self.webhook, self.sender, self.dialer),
            *(self.recorder, self.calendar, self.fetcher, self.profiles, self.teller),
        )
        return tuple(dict.fromkeys(plugin.Settings for plugin in plugins if plugin is not None))


def provider_names() -> tuple[str, ...]:
    """Every provider there is, ours and third parties', in order."""
    return tuple(sorted(set(_offered("connectors")) | set(_offered("webhooks"))))


def provider(name: str) -> Provider:
    """The plug-ins of provider *name*. Raises `UnknownPlugin`, or `BrokenPlugin` where they cannot be imported."""
    connectors, webhooks = _offered("connectors"), _offered("webhooks")
    if name not in connectors and name not in webhooks:
        raise UnknownPlugin(_unknown("provider", name, sorted({*connectors, *webhooks})))
    out = _module(connectors[name]) if name in connectors else None
    door = _module(webhooks[name]) if name in webhooks else None
    found = Provider(
        name,
        connector=_plugin(out, "Connector", Connector),
        door=_plugin(out, "Door", Door),
        webhook=_plugin(door, "Webhook", Webhook),
        sender=_plugin(out, "Sender", Sender),
        dialer=_plugin(out, "Dialer", Dialer),
        recorder=_plugin(out, "Recorder", Recorder),
        calendar=_plugin(out, "Calendar", Calendar),
        fetcher=_plugin(out, "Fetcher", Fetcher),
        profiles=_plugin(out, "Profiles", Profiles),
        teller=_plugin(out, "Teller", Teller),
    )
    if not found.settings:
        raise BrokenPlugin(f'Provider "{name}" has neither a Connector nor a Door nor a Webhook nor a Sender.')
    return found


def adapter(name: str) -> type[Adapter]:
    """The adapter *name*. Raises `UnknownPlugin` or `BrokenPlugin`."""
    adapters = _offered("adapters")
    if name not in adapters:
        raise UnknownPlugin(_unknown("adapter", name, sorted(adapters)))
    found: type[Adapter] | None = _plugin(_module(adapters[name]), "Adapter", Adapter)
    if found is None:
        raise BrokenPlugin(f'Adapter "{name}" has no class Adapter with Settings.')
    return found


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that was probably meant, or ""."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)), "")


def _offered(folder: str) -> dict[str, str | EntryPoint]:
    """What *folder* and its entry points hold, by name: the module to import, or the entry point to load."""
    offered: dict[str, str | EntryPoint] = {
        point.name: point for point in _entry_points(f"hub.{folder}", tuple(sys.path))
    }
    package = importlib.import_module(folder)
    for module in pkgutil.iter_modules(package.__path__):
        if module.name in offered:
            raise BrokenPlugin(f'Two plug-ins are called "{module.name}": {folder}.{module.name} and an entry point.')
        offered[module.name] = f"{folder}.{module.name}"
    return offered


@cache
def _entry_points(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """What is installed on *path*. To look through it takes longer than to read the whole config."""
    return tuple(entry_points(group=group))


def _module(offer: str | EntryPoint) -> ModuleType:
    place = offer if isinstance(offer, str) else offer.value
    try:
        module = importlib.import_module(offer) if isinstance(offer, str) else offer.load()
    except Exception as error:  # whatever a plug-in does while it is imported, the reason must reach the person
        raise BrokenPlugin(f"The plug-in {place} cannot be imported: {type(error).__name__}: {error}") from error
    if not isinstance(module, ModuleType):
        raise BrokenPlugin(f"The entry point {place} names no module.")
    return module


def _plugin(module: ModuleType | None, attribute: str, contract: type[object]) -> Any:
    """The class that *module* offers as *attribute*, checked against its contract."""
    found = getattr(module, attribute, None)
    if module is None or found is None:
        return None
    settings = getattr(found, "Settings", None)
    if not (isinstance(found, type) and issubclass(found, contract)):
        raise BrokenPlugin(f"{module.__name__}.{attribute} is no hub.{attribute}.")
    if missing := ", ".join(sorted(getattr(found, "__abstractmethods__", ()))):
        raise BrokenPlugin(f"{module.__name__}.{attribute} lacks {missing}.")
    if not (isinstance(settings, type) and issubclass(settings, Settings)):
        raise BrokenPlugin(f"{module.__name__}.{attribute} has no Settings of its own.")
    return found


def _unknown(what: str, name: str, known: list[str]) -> str:
    guess = nearest(name, known)
    if guess:
        return f'There is no {what} "{name}". Did you mean "{guess}"?'
    return f'There is no {what} "{name}". There are: {", ".join(known) or "none"}.'
