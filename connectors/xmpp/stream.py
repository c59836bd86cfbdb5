"""One connection of an account to its server, and the archives behind it."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Self
from xml.etree.ElementTree import Element, SubElement

from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

import hub
from connectors.xmpp.names import bare
from connectors.xmpp.settings import XmppSettings

CLIENT = "{jabber:client}"
MAM = "{urn:xmpp:mam:2}"
FORM = "{jabber:x:data}"
RSM = "{http://jabber.org/protocol/rsm}"
FORWARD = "{urn:xmpp:forward:0}"
DELAY = "{urn:xmpp:delay}"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
MUC = "{http://jabber.org/protocol/muc}"
SIGN_IN_SECONDS = 30.0
ANSWER_SECONDS = 20.0
LOSS_SECONDS = 0.05
PAGE = 50


@dataclass(frozen=True, slots=True)
class Archived:
    """A message as an archive keeps it: its id there, its time in UTC, and the stanza."""

    ident: str
    at: datetime
    stanza: Element


@dataclass(frozen=True, slots=True)
class Page:
    """What an archive holds next. *known* is false where it has no message of the id that was named."""

    messages: tuple[Archived, ...]
    complete: bool
    known: bool = True


class Refused(Exception):
    """The server, or whoever was asked, answered with an error; the text says which, as one line."""

    def __init__(self, condition: str, text: str) -> None:
        super().__init__(f"{condition}: {text}" if text else condition)
        self.condition = condition


class Stream:
    """Open it with `async with`. Raises `Rejected`, `Misconfigured` and `Unavailable`; once it is open, `Unavailable`
    where it has ended, and `TimeoutError` where no answer came.

    *on_message* is called with each message that is no part of an archive, *on_presence* with each presence.
    """

    def __init__(
        self,
        settings: XmppSettings,
        source: str,
        on_message: Callable[[Element], None] = lambda _: None,
        on_presence: Callable[[Element], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._source = source
        self._on_message = on_message
        self._on_presence = on_presence
        self._client: ClientXMPP | None = None
        self._opened: asyncio.Future[None] | None = None
        self._ended: asyncio.Future[hub.Verdict] | None = None
        self._pages: dict[str, tuple[str, deque[Archived]]] = {}
        self._asked = 0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._opened, self._ended = loop.create_future(), loop.create_future()
        self._client = client = self._made(await asyncio.to_thread(self._trust))
        for name, handler in (
            ("session_start", self._started),
            ("failed_all_auth", self._refused),
            ("no_auth", self._no_way),
            ("connection_failed", self._unreached),
            ("ssl_invalid_chain", self._untrusted),
            ("stream_error", self._broken),
            ("disconnected", self._lost),
        ):
            client.add_event_handler(name, handler)
        client.register_handler(Callback("messages", MatchXPath(f"{CLIENT}message"), self._message))
        client.register_handler(Callback("presences", MatchXPath(f"{CLIENT}presence"), self._presence))
        settings = self._settings
        try:
            if settings.host:
                client.connect(settings.host, settings.port or (5223 if settings.security == "tls" else 5222))
            else:
                client.connect()
            async with asyncio.timeout(SIGN_IN_SECONDS):
                await self._until(self._opened)
        except TimeoutError:
            await self.close()
            raise hub.Unavailable("the XMPP server did not let us sign in within 30 seconds") from None
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def alive(self) -> bool:
        """Whether it is open."""
        return self._client is not None and self._ended is not None and not self._ended.done()

    async def close(self) -> None:
        """Close its socket."""
        client, self._client = self._client, None
        if client is None:
            return
        client.cancel_connection_attempt()
        if client.transport is not None:
            client.abort()
        runner = client._run_out_filters
        if runner is not None:
            runner.cancel()
            with suppress(asyncio.CancelledError):
                await runner

    async def until_ended(self) -> hub.Verdict:
        """Why it ended, once it has."""
        assert self._ended is not None
        return await asyncio.shield(self._ended)

    async def send(self, stanza: Element) -> None:
        """Send it. Nobody says whether it came: ask something afterwards, for a server answers in order (RFC 6120,
        10.1)."""
        self._here().send_xml(stanza)

    async def ask(self, kind: Literal["get", "set"], payload: Element, to: str | None = None) -> Element:
        """What *to*, or our own account, answers to an iq. Raises `Refused`, too."""
        iq = self._here().make_iq(ito=to, itype=kind)
        iq.append(payload)
        sent: asyncio.Future[Any] = asyncio.ensure_future(iq.send(timeout=ANSWER_SECONDS))  # type: ignore[no-untyped-call]
        try:
            answer = await self._until(sent)
        except IqError as error:
            raise Refused(str(error.condition), _line(error.text)) from None
        except IqTimeout:
            raise TimeoutError("the XMPP server does not answer") from None
        finally:
            sent.cancel()
        found: Element = answer.xml
        return found

    async def page(
        self, archive: str, *, after: str = "", since: datetime | None = None, before: str | None = None, peer: str = ""
    ) -> Page:
        """The next messages of an archive (XEP-0313): beyond the id *after* or the time *since*, oldest first; or the
        last ones before the id *before* ("" is the end). *peer*: only those with whom. Raises `Refused`, too."""
        self._asked += 1
        query_id = f"q{self._asked}"
        query = Element(f"{MAM}query", queryid=query_id)
        form = SubElement(query, f"{FORM}x", type="submit")
        values = {"FORM_TYPE": "urn:xmpp:mam:2", "with": peer, "start": _stamp(since) if since else ""}
        for name, value in values.items():
            if value:
                SubElement(SubElement(form, f"{FORM}field", var=name), f"{FORM}value").text = value
        limits = SubElement(query, f"{RSM}set")
        SubElement(limits, f"{RSM}max").text = str(PAGE)
        if after:
            SubElement(limits, f"{RSM}after").text = after
        if before is not None:
            SubElement(limits, f"{RSM}before").text = before
        found: deque[Archived] = deque()
        self._pages[query_id] = (archive, found)
        try:
            answer = await self.ask("set", query, None if archive == self._settings.jid else archive)
        except Refused as refusal:
            if refusal.condition == "item-not-found" and after:
                return Page((), complete=False, known=False)
            raise
        finally:
            del self._pages[query_id]
        fin = answer.find(f"{MAM}fin")
        return Page(tuple(found), fin is None or fin.get("complete") == "true")

    async def enter(self, room: str, nick: str) -> None:
        """Enter a room, without its history; the presences that come tell what became of it."""
        presence = Element(f"{CLIENT}presence", to=f"{room}/{nick}")
        SubElement(SubElement(presence, f"{MUC}x"), f"{MUC}history", maxstanzas="0")
        await self.send(presence)

    # --- what slixmpp says ---

    def _trust(self) -> ssl.SSLContext:
        """Blocks: it reads certificates."""
        try:
            return ssl.create_default_context(cafile=self._settings.ca_file or None)
        except OSError:
            raise hub.Misconfigured(f"sources.{self._source}.ca_file cannot be read") from None

    def _made(self, context: ssl.SSLContext) -> ClientXMPP:
        settings, clear = self._settings, self._settings.security == "none"
        allowed = {f"unencrypted_{each}": clear for each in ("plain", "scram", "digest", "cram")}
        client = ClientXMPP(
            settings.jid,
            settings.password.get_secret_value(),
            plugin_config={"feature_mechanisms": allowed},
            ssl_context=context,
        )
        client.enable_direct_tls = settings.security == "tls"
        client.enable_starttls = settings.security == "starttls"
        client.enable_plaintext = clear
        client.auto_authorize = None
        client.auto_subscribe = False
        client.whitespace_keepalive = False
        return client

    async def _until(self, waited: asyncio.Future[Any]) -> Any:
        assert self._ended is not None
        await asyncio.wait((waited, self._ended), return_when=asyncio.FIRST_COMPLETED)
        if waited.done():
            return waited.result()
        raise self._ended.result()

    def _here(self) -> ClientXMPP:
        assert self._ended is not None
        if self._ended.done():
            raise self._ended.result()
        if self._client is None:
            raise hub.Unavailable("the connection to the XMPP server is closed")
        return self._client

    def _end(self, verdict: hub.Verdict) -> None:
        if self._client is not None:
            self._client.cancel_connection_attempt()
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(verdict)

    def _started(self, _: Any) -> None:
        if self._opened is not None and not self._opened.done():
            self._opened.set_result(None)

    def _refused(self, _: Any) -> None:
        cure = f"check sources.{self._source}.jid and password"
        self._end(hub.Rejected(f"the XMPP server refuses the password; {cure}"))

    def _no_way(self, _: Any) -> None:
        if self._ended is not None and not self._ended.done():
            self._end(
                hub.Misconfigured("the XMPP server offers no way to sign in over this connection: has it no TLS?")
            )

    def _unreached(self, reason: Any) -> None:
        if isinstance(reason, ssl.SSLCertVerificationError):
            self._untrusted(reason)
        elif isinstance(reason, str):
            self._end(hub.Unavailable("the name of the XMPP server is not known; check host, or the domain's DNS"))
        else:
            self._end(hub.Unavailable(f"the XMPP server cannot be reached: {_line(getattr(reason, 'strerror', ''))}"))

    def _untrusted(self, error: Any) -> None:
        why = _line(getattr(error, "verify_message", "")) or "TLS failed"
        cure = f"; for a certificate of your own set sources.{self._source}.ca_file"
        self._end(hub.Misconfigured(f"the XMPP server's certificate is not to be trusted: {why}{cure}"))

    def _broken(self, error: Any) -> None:
        condition = str(error["condition"])
        if condition == "conflict":
            self._end(hub.Unavailable("another client has signed in with the same resource"))
        else:
            self._end(hub.Unavailable(f"the XMPP server ended the connection: {condition}"))

    def _lost(self, _: Any) -> None:
        # Where TLS failed slixmpp says so only after the loss.
        verdict = hub.Unavailable("the connection to the XMPP server broke")
        asyncio.get_running_loop().call_later(LOSS_SECONDS, self._end, verdict)

    def _message(self, message: Any) -> None:
        result = message.xml.find(f"{MAM}result")
        if result is None:
            self._on_message(message.xml)
            return
        archive, found = self._pages.get(result.get("queryid", ""), ("", None))
        forwarded = result.find(f"{FORWARD}forwarded")
        # Anybody may send what looks like a page of an archive; only the archive itself is believed (XEP-0313, 10).
        said_by = bare(message.xml.get("from", "")) or self._settings.jid
        if found is None or forwarded is None or said_by != archive:
            return
        stanza, delay = forwarded.find(f"{CLIENT}message"), forwarded.find(f"{DELAY}delay")
        if stanza is not None and delay is not None:
            found.append(Archived(result.get("id", ""), _moment(delay.get("stamp", "")), stanza))

    def _presence(self, presence: Any) -> None:
        self._on_presence(presence.xml)


def refusal_of(stanza: Element) -> str:
    """Why a stanza of the type `error` came back, as one line."""
    error = stanza.find(f"{CLIENT}error")
    if error is None:
        return "it was refused"
    conditions = [each.tag.partition("}")[2] for each in error if each.tag.startswith(STANZAS)]
    condition = next((each for each in conditions if each != "text"), "it was refused")
    text = _line(error.findtext(f"{STANZAS}text") or "")
    return f"{condition}: {text}" if text else condition


def _line(text: str | None) -> str:
    return " ".join((text or "").split())[:300]


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _moment(stamp: str) -> datetime:
    """A time as XEP-0082 writes it; one that cannot be read is now."""
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        return datetime.now(UTC)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
