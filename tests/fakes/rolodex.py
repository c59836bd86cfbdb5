"""The adapter to the CRM of `tests.fakes.crm`, written as a third party would write it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, ClassVar

import aiohttp
from pydantic import SecretStr

import hub
from hub.formats import handles


class RolodexSettings(hub.Settings):
    """Where the CRM is, and who we are there."""

    url: str
    token: SecretStr


class Adapter(hub.Adapter):
    """Brings contacts in by `/changes`, and writes contacts and activities under the hub's own keys."""

    Settings = RolodexSettings
    idempotent: ClassVar[bool] = True

    def __init__(self, settings: RolodexSettings, setup: hub.Setup) -> None:
        self._url = settings.url
        self._headers = {"Authorization": f"Bearer {settings.token.get_secret_value()}"}
        self._region = setup.region
        self._session: aiohttp.ClientSession | None = None

    async def changes(self, cursor: str | None) -> AsyncGenerator[hub.Changes, None]:
        """Page by page until there is no more."""
        while True:
            try:
                page = await self._ask("GET", "/changes", params={"after": cursor or "0"})
            except TimeoutError as error:
                raise hub.Unavailable("The CRM hung up before it answered.") from error
            if not page["contacts"]:
                return
            cursor = page["cursor"]
            yield hub.Changes(tuple(self._record(each) for each in page["contacts"]), page["cursor"])

    async def upsert(self, record: hub.ContactRecord) -> str:
        """One request finds, completes or makes it."""
        addresses = [handles.display(handle) for handle in record.handles]
        about = {"name": record.name, "company": record.company, "title": record.title, "addresses": addresses}
        answer = await self._ask("POST", "/contacts", json={"id": record.id, "key": self._key(record.key), **about})
        return str(answer["id"])

    async def log(self, activity: hub.Activity, previous_id: str | None) -> str:
        """One request finds and replaces it, or makes it."""
        about = {
            "contact": activity.contact,
            "channel": activity.channel,
            "direction": activity.direction,
            "at": activity.occurred_at.isoformat(),
            "title": _title(activity.facts),
            "text": getattr(activity.facts, "preview", None) or "",
            "url": activity.url,
        }
        identified = {"id": previous_id or "", "key": self._key(activity.key)}
        # POST, because HTTP clients send a PUT again by themselves when a connection breaks (RFC 9110 section 9.2.2).
        answer = await self._ask("POST", "/activities", json={**identified, **about})
        return str(answer["id"])

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _key(self, key: str) -> str:
        return key

    def _record(self, contact: dict[str, Any]) -> hub.ContactRecord:
        spelt = [handles.handle(address, self._region) for address in contact["addresses"]]
        return hub.ContactRecord(
            id=contact["id"],
            name=contact["name"],
            company=contact["company"],
            title=contact["title"],
            handles=tuple(handle for handle in spelt if handle),
        )

    async def _ask(self, method: str, path: str, **more: Any) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(self._url, headers=self._headers)
        try:
            async with self._session.request(method, path, **more) as answer:
                if answer.status in (401, 403):
                    raise hub.Rejected("The CRM refuses the token. Make a new one there, and put it into the config.")
                if answer.status in (429, 503):
                    seconds = answer.headers.get("Retry-After")
                    raise hub.Unavailable("The CRM is busy.", retry_after=float(seconds) if seconds else None)
                if answer.status in (404, 422):
                    raise hub.Unsupported(f"The CRM does not take this ({answer.status}).")
                return await answer.json()
        except aiohttp.ClientConnectorError as error:
            raise hub.Unavailable("The CRM cannot be reached.") from error
        except aiohttp.ClientConnectionError as error:
            raise TimeoutError("The CRM hung up before it answered.") from error


class Keyless(Adapter):
    """The same without keys: what is sent twice is there twice."""

    idempotent = False

    def _key(self, key: str) -> str:
        return ""


def _title(facts: hub.Facts) -> str:
    if isinstance(facts, hub.Call):
        return f"Call: {facts.outcome or facts.state}"
    return facts.title or ""
