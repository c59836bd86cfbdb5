"""Fetches the files that people send over WeCom, which keeps them for three days."""

from __future__ import annotations

import hub
from connectors.wecom.api import Api
from connectors.wecom.settings import WeComSettings


class Fetcher(hub.Fetcher):
    """`GET /cgi-bin/media/get` (https://developer.work.weixin.qq.com/document/path/90254)."""

    Settings = WeComSettings

    def __init__(self, settings: WeComSettings, setup: hub.Setup) -> None:
        self._ready = settings.secret is not None
        self._api = Api(settings, setup.name)

    @property
    def ready(self) -> bool:
        """Whether there is the app's secret."""
        return self._ready

    async def fetch(self, file: hub.File, most: int) -> hub.Media:
        """The bytes of *file*. Raises as `hub.Fetcher` says."""
        try:
            answer = await self._api.file(file.id, most)
        except TimeoutError as error:
            raise hub.Unavailable(str(error)) from None
        return hub.Media(file.media_type or answer.media_type, answer.body)

    async def close(self) -> None:
        """Close its connections."""
        await self._api.close()
