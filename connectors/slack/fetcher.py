"""The files that people send in Slack."""

from __future__ import annotations

import hub
from connectors.slack.files import client
from connectors.slack.settings import SlackSettings
from connectors.slack.web import Refused, Web


class Fetcher(hub.Fetcher):
    """`url_private` with the bot's token (https://docs.slack.dev/reference/objects/file-object)."""

    Settings = SlackSettings

    def __init__(self, settings: SlackSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._web = Web(settings)

    @property
    def ready(self) -> bool:
        """Whether there is a token."""
        return self._settings.bot_token is not None

    async def fetch(self, file: hub.File, most: int) -> hub.Media:
        """The bytes of *file*. Of a file out of another workspace Slack first has to be asked where it lies."""
        if self._settings.bot_token is None:
            raise hub.Misconfigured("bot_token is not set")
        url = file.url or await self._url(file.id)
        bearer = {"Authorization": f"Bearer {self._settings.bot_token.get_secret_value()}"}
        async with client(url, self._settings, bearer) as at:
            answer = await at.ask("GET", url, most=most)
        if answer.media_type == "text/html" and file.media_type != "text/html":
            # Slack answers with its login page where a token may not read files.
            raise hub.Rejected("Slack does not let the app read files; it needs the scope files:read")
        return hub.Media(file.media_type or answer.media_type, answer.body)

    async def close(self) -> None:
        """Close its connections."""
        await self._web.close()

    async def _url(self, id: str) -> str:
        try:
            said = (await self._web.ask("files.info", file=id)).get("file")
        except Refused as error:
            raise hub.Unsupported(f"Slack does not have the file any more ({error.error})") from None
        url = said.get("url_private") if isinstance(said, dict) else None
        if not isinstance(url, str) or not url:
            raise hub.Unsupported("Slack does not say where the file lies.")
        return url
