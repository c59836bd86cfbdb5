"""Fetches the files that people send on Feishu."""

from __future__ import annotations

import hub
from connectors.feishu.api import Api
from connectors.feishu.settings import FeishuSettings


class Fetcher(hub.Fetcher):
    """`GET /open-apis/im/v1/messages/{message_id}/resources/{key}`
    (https://open.feishu.cn/document/server-docs/im-v1/message/get-2)."""

    Settings = FeishuSettings

    def __init__(self, settings: FeishuSettings, setup: hub.Setup) -> None:
        self._ready = settings.app_secret is not None
        self._api = Api(settings, setup.name)

    @property
    def ready(self) -> bool:
        """Whether there is the app's secret."""
        return self._ready

    async def fetch(self, file: hub.File, most: int) -> hub.Media:
        """The bytes of *file*. Raises as `hub.Fetcher` says."""
        message, kind, key = (*file.id.split("/"), "", "")[:3]
        path = f"/open-apis/im/v1/messages/{message}/resources/{key}"
        try:
            answer = await self._api.bytes(path, (("type", kind),), most)
        except TimeoutError as error:
            raise hub.Unavailable(str(error)) from None
        return hub.Media(answer.media_type or file.media_type, answer.body)

    async def close(self) -> None:
        """Close its connections."""
        await self._api.close()
