"""Fetches the files that people send to a robot: DingTalk says where one lies for a while."""

from __future__ import annotations

from urllib.parse import urlsplit

import hub
from connectors.dingtalk.api import Api
from connectors.dingtalk.settings import DingTalkSettings
from hub.http import Guarded


class Fetcher(hub.Fetcher):
    """`POST /v1.0/robot/messageFiles/download`
    (https://open.dingtalk.com/document/orgapp/download-the-file-content-of-the-robot-receiving-message). The address is
    on a store of Alibaba's whose name changes: it may be any public one, and nothing secret is sent along."""

    Settings = DingTalkSettings

    def __init__(self, settings: DingTalkSettings, setup: hub.Setup) -> None:
        self._robot = settings.robot_code
        self._api = Api(settings, setup.name)
        parts = urlsplit(settings.api_url)
        # Where the API itself is a private one, its files may be, too.
        self._ours = (f"{parts.hostname}:{parts.port or 443}",)

    async def fetch(self, file: hub.File, most: int) -> hub.Media:
        """The bytes of *file*. Raises as `hub.Fetcher` says."""
        about = {"downloadCode": file.id, "robotCode": self._robot}
        try:
            said = await self._api.post("/v1.0/robot/messageFiles/download", about)
        except TimeoutError as error:
            raise hub.Unavailable(str(error)) from None
        async with Guarded(self._ours) as client:
            page = await client.fetch(str(said.get("downloadUrl") or ""), most=most, seconds=120.0)
        return hub.Media(file.media_type or page.media_type, page.body)

    async def close(self) -> None:
        """Close its connections."""
        await self._api.close()
