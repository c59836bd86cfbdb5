"""Alerts as direct messages of our app, with buttons."""

from __future__ import annotations

from typing import Any

import hub
from connectors.slack.messages import ALERT_BLOCK
from connectors.slack.pressing import PRESS
from connectors.slack.sender import direct
from connectors.slack.settings import SlackSettings
from connectors.slack.web import Web
from connectors.slack.words import escaped

# https://docs.slack.dev/reference/block-kit/blocks
_HEADER, _SECTION, _LABEL, _BUTTONS, _VALUE = 150, 3000, 75, 25, 2000


class Teller(hub.Teller):
    """`chat.postMessage` with blocks, and `chat.update` where it is known already."""

    Settings = SlackSettings

    def __init__(self, settings: SlackSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._web = Web(settings)

    @property
    def ready(self) -> bool:
        """Whether there is a token."""
        return self._settings.bot_token is not None

    def reaches(self, handle: str) -> bool:
        """Everybody in our workspace, but not our app itself."""
        return handle.startswith(f"slack:{self._settings.workspace}/") and handle not in self._settings.own

    async def tell(self, handle: str, telling: hub.Telling, known: str) -> str:
        """The message is called `<channel>/<ts>`."""
        if not self.reaches(handle):
            raise hub.Unsupported("She is not in this workspace of Slack.")
        said: dict[str, Any] = {"text": escaped("\n".join((telling.title, *telling.lines))), "blocks": _blocks(telling)}
        if known:
            channel, _, ts = known.partition("/")
            await self._web.ask("chat.update", changes=True, channel=channel, ts=ts, **said)
            return known
        channel = await direct(self._web, handle.rpartition("/")[2])
        answer = await self._web.ask("chat.postMessage", changes=True, channel=channel, unfurl_links=False, **said)
        return f"{channel}/{answer.get('ts')}"

    async def close(self) -> None:
        """Close its connections."""
        await self._web.close()


def _blocks(telling: hub.Telling) -> list[dict[str, Any]]:
    """*telling* in plain text throughout: what a stranger wrote is no markup."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "block_id": ALERT_BLOCK, "text": _text(telling.title, _HEADER)},
    ]
    if telling.lines:
        lines = _text("\n".join(telling.lines), _SECTION)
        blocks.append({"type": "section", "block_id": f"{ALERT_BLOCK}-lines", "text": lines})
    if telling.url and not any(each.url for each in telling.buttons):
        link = {"type": "mrkdwn", "text": f"<{escaped(telling.url)}>"}
        blocks.append({"type": "context", "block_id": f"{ALERT_BLOCK}-link", "elements": [link]})
    if telling.done:
        done = _text(telling.done, _SECTION)
        blocks.append({"type": "context", "block_id": f"{ALERT_BLOCK}-done", "elements": [done]})
    elif telling.buttons:
        buttons = [_button(number, each) for number, each in enumerate(telling.buttons[:_BUTTONS])]
        blocks.append({"type": "actions", "block_id": f"{ALERT_BLOCK}-buttons", "elements": buttons})
    return blocks


def _button(number: int, button: hub.Button) -> dict[str, Any]:
    what = {"type": "button", "text": _text(button.label, _LABEL)}
    if button.url:
        return {**what, "action_id": f"hub-open-{number}", "url": button.url}
    if len(button.value) > _VALUE:
        raise hub.Unsupported(f"A button's value has at most {_VALUE} characters in Slack.")
    return {**what, "action_id": f"{PRESS}-{number}", "value": button.value}


def _text(text: str, longest: int) -> dict[str, Any]:
    # An empty text is refused.
    shown = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return {"type": "plain_text", "text": shown or " ", "emoji": False}
