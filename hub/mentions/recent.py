"""The latest mentions, which may not be durable yet, so that what three sources tell at once is one mention."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from dataclasses import dataclass

from hub.mentions.reading import near


@dataclass(frozen=True, slots=True)
class _Noted:
    url: str
    fingerprint: int


class Recent:
    """Remembers the *most* latest mentions by their keys; finding one costs the same however many they are."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._noted: OrderedDict[str, _Noted] = OrderedDict()
        self._by_url: dict[str, str] = {}
        self._by_band: defaultdict[int, dict[str, int]] = defaultdict(dict)

    def __contains__(self, key: str) -> bool:
        return key in self._noted

    def note(self, key: str, url: str, fingerprint: int) -> None:
        """Remember a mention that is not known yet; *url* may be "" and *fingerprint* 0."""
        self._noted[key] = _Noted(url, fingerprint)
        if url:
            self._by_url.setdefault(url, key)
        for band in near.bands(fingerprint):
            self._by_band[band][key] = fingerprint
        if len(self._noted) > self._most:
            self.forget(next(iter(self._noted)))

    def forget(self, key: str) -> None:
        """Remember *key* no longer, where it was known."""
        noted = self._noted.pop(key, None)
        if noted is None:
            return
        if self._by_url.get(noted.url) == key:
            del self._by_url[noted.url]
        for band in near.bands(noted.fingerprint):
            self._by_band[band].pop(key, None)
            if not self._by_band[band]:
                del self._by_band[band]

    def at(self, url: str) -> str | None:
        """The mention that stands at *url*."""
        return self._by_url.get(url)

    def alike(self, fingerprint: int) -> str | None:
        """A mention whose text is alike."""
        for band in near.bands(fingerprint):
            for key, other in self._by_band.get(band, {}).items():
                if near.alike(other, fingerprint):
                    return key
        return None
