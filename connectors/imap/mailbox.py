"""One signed-in session with the server, in the words of the connector.

It only ever reads: folders are opened by EXAMINE and mails by BODY.PEEK, so that no flag changes (`\\Seen`).
Commands may be sent ahead; their answers come in their order (RFC 3501, 5.5). Errors leave as verdicts.
Their texts are fixed, because a server may quote a mail or a password in its own.
"""

from __future__ import annotations

import ssl
import time
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from imapclient.imap_utf7 import encode

import hub
from connectors.imap import responses
from connectors.imap.folders import Listed
from connectors.imap.login import BUSY
from connectors.imap.quirks import Quirks, quirks
from connectors.imap.responses import LITERAL, TOO_LARGE, TooLarge, Untagged
from connectors.imap.settings import ImapSettings
from connectors.imap.stream import Ended, Garbled, Stream
from hub.formats.headers import message_id

DONE_SECONDS = 30
"""How long a server may take to answer the end of an IDLE. One that takes longer is gone."""

HEADER_BYTES = 256 * 1024
"""Of a mail that is too large so much of its headers is fetched."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Unfetchable(hub.Unavailable):
    """The server broke off while it told mails: perhaps one of them is why."""


class Shut(Exception):
    """The folder *name* cannot be opened. *verdict* is what follows where it must be."""

    def __init__(self, name: str, verdict: hub.Verdict) -> None:
        super().__init__(str(verdict))
        self.name = name
        self.verdict = verdict


class Refused(Exception):
    """The server answered NO or BAD."""

    def __init__(self, line: bytes) -> None:
        super().__init__()
        self.line = line


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder's numbering: its UIDVALIDITY, the UID that its next mail will get, its highest modification sequence
    (0 where it has none), and how many mails it holds."""

    name: str
    validity: int
    next_uid: int
    modseq: int
    messages: int


@dataclass(frozen=True, slots=True)
class Outline:
    """A mail before it is fetched: its size in bytes, and when the server took it (UTC; `None` where that is no date).
    *draft* is true for what Gmail files under Drafts."""

    uid: int
    size: int
    received_at: datetime | None
    draft: bool = False


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as the server tells it; *raw* is `TOO_LARGE` where it was larger than it was said to be, and `None` where
    the server's answer could not be read. *received_at* is INTERNALDATE in UTC."""

    uid: int
    raw: bytes | TooLarge | None
    flags: frozenset[str]
    labels: frozenset[str]
    received_at: datetime | None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A command that was sent."""

    tag: bytes
    uids: tuple[int, ...] = ()
    wanted: str = ""


class Mailbox:
    """A session over *stream*. *source* is the source's name, for messages that say which key to change."""

    def __init__(self, settings: ImapSettings, source: str, stream: Stream) -> None:
        self._settings = settings
        self._source = source
        self._stream = stream
        self._tags = 0
        self._sent: deque[tuple[bytes, bool]] = deque()
        self._capabilities: frozenset[bytes] = frozenset()
        self.quirks = Quirks("")
        self.folder: Folder | None = None
        #: What the server said without being asked: mails in the open folder, those of them that we know of,
        #: and whether flags changed or mails went away there.
        self.exists = self.known = 0
        self.flags_changed = self.mails_went = False
        self._vanished: list[bytes] = []
        #: Of other folders, by name: their new numbers, or that they have changed.
        self.told: dict[str, dict[bytes, Any]] = {}

    @property
    def counts(self) -> bool:
        """Whether the server counts changes (RFC 7162)."""
        return self._can("CONDSTORE") and self.quirks.condstore

    @property
    def condstore(self) -> bool:
        """Whether it can be asked what changed in the open folder."""
        return self.counts and self.folder is not None and self.folder.modseq > 0

    @property
    def qresync(self) -> bool:
        """Whether it can be asked, too, which mails have gone."""
        return self.counts and self._can("QRESYNC") and self._can("ENABLE") and self.quirks.qresync

    @property
    def idles(self) -> bool:
        """Whether the server tells of the open folder by itself."""
        return self._can("IDLE") and self.quirks.idle

    @property
    def new(self) -> bool:
        """Whether the open folder holds mails that were not listed."""
        return self.exists > self.known

    async def begin(self, greeting: bytes) -> None:
        """Learn what the server is and can, and say who we are: some (Coremail) open no folder for who did not."""
        with self._verdicts():
            found = await self._command("CAPABILITY")
            self._capabilities = frozenset(
                word.upper() for one in found if one.kind == b"CAPABILITY" for word in one.text.split()
            )
            ident = b""
            if self._can("ID"):
                told = await self._tolerated('ID ("name" "Hub")')
                ident = b" ".join(one.text for one in told if one.kind == b"ID")
            self.quirks = quirks(greeting, ident, self._capabilities)
            if self._can("ENABLE") and self.counts:
                await self._tolerated(
                    "ENABLE QRESYNC" if self._can("QRESYNC") and self.quirks.qresync else "ENABLE CONDSTORE"
                )

    def close(self) -> None:
        """Close the socket, whatever state the session is in."""
        self._stream.close()

    def poke(self) -> None:
        """End the `wait` that is going on, or the next one."""
        self._stream.poke()

    async def folders(self) -> list[Listed]:
        """Every folder there is."""
        extended = " RETURN (SPECIAL-USE)" if self._can("SPECIAL-USE") and self._can("LIST-EXTENDED") else ""
        with self._verdicts():
            return _listed(await self._command(f'LIST "" "*"{extended}'))

    async def examine(self, name: str) -> Folder:
        """Open folder *name* for reading; nothing happens where it is open."""
        if self.folder is not None and self.folder.name == name:
            return self.folder
        self.folder = None
        self.exists = self.known = 0
        self.flags_changed = self.mails_went = False
        self._vanished = []
        with self._verdicts():
            try:
                told = await self._examine(name)
            except Refused as error:
                raise Shut(name, await self._refused_folder(name, error)) from error
            codes = dict(one.code for one in told if one.kind == b"OK")
            if b"UIDVALIDITY" not in codes:
                raise hub.Misconfigured(f"{self._settings.host} does not number its mails for good (no UIDVALIDITY)")
            modseq = responses.integer(codes[b"HIGHESTMODSEQ"]) if b"HIGHESTMODSEQ" in codes else 0
            # UIDNEXT is not promised (RFC 3501, 6.3.1).
            next_uid = responses.integer(codes.get(b"UIDNEXT", b"0")) or max(await self._search("ALL"), default=0) + 1
            self.known = self.exists
            validity = responses.integer(codes[b"UIDVALIDITY"])
            self.folder = Folder(name, validity, next_uid, modseq, self.exists)
            return self.folder

    async def status(self, names: Sequence[str]) -> list[Folder]:
        """The numbers of folders, without opening them; of those that are gone nothing."""
        items = "UIDVALIDITY UIDNEXT MESSAGES"
        if self.counts:
            items += " HIGHESTMODSEQ"
        with self._verdicts():
            tickets = [await self._ask(f"STATUS {_quoted(name)} ({items})") for name in names]
            found = []
            for name, ticket in zip(names, tickets, strict=True):
                try:
                    told = await self._answer(ticket)
                except Refused:
                    continue
                for one in told:
                    if one.kind == b"STATUS":
                        found.append(_numbers(name, one))
            # It was asked for, and is no news.
            for name in names:
                self.told.pop(name, None)
            return found

    async def noop(self) -> None:
        """Have the server tell what is new in the open folder."""
        with self._verdicts():
            await self._command("NOOP")

    async def search(self, low: int, high: int, since: date | None = None) -> list[int]:
        """The UIDs from *low* to *high* in the open folder, ascending; only what came on *since* or later (by the
        server's own calendar)."""
        if high < low:
            return []
        when = f" SINCE {since.day}-{MONTHS[since.month - 1]}-{since.year}" if since else ""
        with self._verdicts():
            return [uid for uid in await self._search(f"UID {low}:{high}{when}") if low <= uid <= high]

    async def outlines(self, uids: Sequence[int], *, dates: bool = True) -> list[Outline]:
        """Size and date of each mail of *uids* that is still there, ascending; without *dates* only the size."""
        if not uids:
            return []
        items = self._outline_items if dates else self._outline_items.replace(" INTERNALDATE", "")
        with self._verdicts():
            return await self._outlines(await self._ask(f"UID FETCH {responses.compact(uids)} ({items})"))

    async def outlines_after(self, uid: int) -> list[Outline]:
        """Size and date of all mails above *uid*, ascending: with `new`, of those that just came."""
        with self._verdicts():
            expected = self.exists - self.known
            told = await self._outlines_after(uid)
            if len(told) < expected:
                # It spoke of mails that it did not find yet.
                await self._command("NOOP")
                told = await self._outlines_after(uid)
            return told

    async def _outlines_after(self, uid: int) -> list[Outline]:
        self.known = self.exists
        told = await self._outlines(await self._ask(f"UID FETCH {uid + 1}:* ({self._outline_items})"))
        # A range has no direction: "9:*" means the last mail even where that is 5 (RFC 3501, 6.4.8).
        return [one for one in told if one.uid > uid]

    async def ask_mails(self, uids: Sequence[int], *, headers: bool = False) -> Ticket:
        """Ask for the mails of *uids*, or their *headers* as far as `HEADER_BYTES`, so that the server can begin."""
        section = f"BODY.PEEK[HEADER]<0.{HEADER_BYTES}>" if headers else "BODY.PEEK[]"
        wanted = f"(UID FLAGS INTERNALDATE{' X-GM-LABELS' if self.quirks.labels else ''} {section})"
        with self._verdicts(fetching=True):
            ticket = await self._ask(f"UID FETCH {responses.compact(uids)} {wanted}")
            return Ticket(ticket.tag, tuple(uids), wanted)

    async def mails(self, ticket: Ticket) -> list[Mail]:
        """The mails that were asked for and are still there, ascending.

        Raises `Unfetchable` where the server fails in it for a reason that looks as if it lay in a mail.
        """
        with self._verdicts(fetching=True):
            try:
                told = _mails(await self._answer(ticket))
            except Refused as error:
                if b"EXPUNGEISSUED" not in error.line:
                    raise
                told = {}
            untold = [uid for uid in ticket.uids if uid not in told or told[uid].raw is None]
            if untold and (left := await self._still_there(untold)):
                # Deleted meanwhile, as a rule. Of the others the server is asked once more.
                told |= _mails(await self._command(f"UID FETCH {responses.compact(left)} {ticket.wanted}"))
                if any(uid not in told for uid in left):
                    raise Unfetchable(f"{self._settings.host} does not tell a mail that it has")
            return [told[uid] for uid in sorted(told) if uid in ticket.uids]

    async def sightings(self, uids: Sequence[int]) -> list[tuple[Outline, str]]:
        """Each mail of *uids* that is still there, with its Message-ID ("" for none): enough to know it again."""
        with self._verdicts():
            field = "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"
            told = await self._command(f"UID FETCH {responses.compact(uids)} (UID RFC822.SIZE INTERNALDATE {field})")
            found = []
            for pairs in _fetched(told):
                header = next((value for name, value in pairs.items() if name.startswith(b"BODY[HEADER.FIELDS")), b"")
                text = header.decode("utf-8", "replace") if isinstance(header, bytes) else ""
                found.append((_outline(pairs), message_id(" ".join(text.partition(":")[2].split()))))
            return found

    async def changes(
        self, low: int, high: int, modseq: int
    ) -> tuple[dict[int, tuple[frozenset[str], frozenset[str]]], list[int], int]:
        """What changed in the open folder after *modseq* among the UIDs from *low* to *high* (RFC 7162, 3.1.4): flags
        and labels by UID, the UIDs of those that are gone (only with `qresync`), and the highest sequence told."""
        items = f"(UID FLAGS{' X-GM-LABELS' if self.quirks.labels else ''})"
        vanished = " VANISHED" if self.qresync else ""
        with self._verdicts():
            told = await self._command(f"UID FETCH {low}:{high} {items} (CHANGEDSINCE {modseq}{vanished})")
            changed, highest = {}, modseq
            for pairs in _fetched(told):
                uid = responses.integer(pairs[b"UID"])
                changed[uid] = (responses.flags(pairs.get(b"FLAGS")), responses.labels(pairs.get(b"X-GM-LABELS")))
                sequence = pairs.get(b"MODSEQ")
                if isinstance(sequence, list) and sequence:
                    highest = max(highest, responses.integer(sequence[0]))
            gone = [
                uid for one in told if one.kind == b"VANISHED" and b"EARLIER" in one.text.upper()
                for uid in responses.uids(one.text.split()[-1], low, high)
            ]  # fmt: skip
            return changed, await self._gone(gone), highest

    async def vanished(self, upto: int) -> list[int]:
        """The UIDs, up to *upto*, of mails that went away from the open folder since this was last asked, where the
        server told."""
        sets, self._vanished = self._vanished, []
        with self._verdicts():
            return await self._gone([uid for each in sets for uid in responses.uids(each, 1, upto)])

    async def flags(self, uids: Sequence[int]) -> dict[int, frozenset[str]]:
        """The flags of *uids* in the open folder."""
        if not uids:
            return {}
        with self._verdicts():
            told = await self._command(f"UID FETCH {responses.compact(uids)} (UID FLAGS)")
            return {responses.integer(one[b"UID"]): responses.flags(one.get(b"FLAGS")) for one in _fetched(told)}

    async def notify(self, names: Sequence[str]) -> bool:
        """Have the server tell of *names* beside the open folder (RFC 5465). False where it does not tell of each."""
        # Dovecot 2.3 never tells of a folder whose name is encoded.
        plain = [name for name in names if encode(name) == name.encode()]
        if not (self._can("NOTIFY") and self.quirks.notify and self.idles) or not plain:
            return False
        events = "(MessageNew MessageExpunge FlagChange)"
        with self._verdicts():
            try:
                listed = " ".join(_quoted(name) for name in plain)
                await self._command(f"NOTIFY SET (SELECTED {events}) (MAILBOXES ({listed}) {events})")
            except Refused:
                return False
            return len(plain) == len(names)

    async def wait(self, seconds: float) -> None:
        """Return when the open folder or one of those that it tells of has news, after *seconds*, or when poked."""
        with self._verdicts():
            if not self.idles:
                await self._stream.quiet(seconds)
                return
            end = time.monotonic() + seconds
            # Dovecot tells only what happens after it began to watch; NOOP, right before it, tells the rest. Both are
            # sent together, so that no mail finds the time to come between them.
            tags = [self._tag(), self._tag()]
            await self._stream.send(b"%s NOOP\r\n%s IDLE\r\n" % tuple(tags))
            self._sent += [(tag, False) for tag in tags]
            while (response := await self._response()) is not None:
                if response in tags:
                    tags.remove(response)
                if not tags:  # announced, and refused
                    self.quirks = replace(self.quirks, idle=False)
                    return
            # Most servers chat now and then to keep the line open.
            while not self.has_news and (left := end - time.monotonic()) > 0:
                if await self._stream.quiet(left):
                    break
                if await self._response() == tags[-1]:  # it ends the IDLE by itself
                    return
            await self._stream.send(b"DONE\r\n")
            if not self.has_news:
                # Is it still there?
                patience, self._stream.patience = self._stream.patience, DONE_SECONDS
                try:
                    await self._answer(Ticket(tags[-1]))
                finally:
                    self._stream.patience = patience

    @property
    def has_news(self) -> bool:
        """Whether the server has told something that was not looked at."""
        return self.new or self.flags_changed or self.mails_went or bool(self.told)

    def _can(self, capability: str) -> bool:
        return capability.encode() in self._capabilities

    def _tag(self) -> bytes:
        self._tags += 1
        return b"H%d" % self._tags

    async def _ask(self, command: str) -> Ticket:
        tag = self._tag()
        await self._stream.send(b"%s %s\r\n" % (tag, command.encode("utf-8")))
        self._sent.append((tag, command.startswith("UID FETCH")))
        return Ticket(tag)

    async def _command(self, command: str) -> list[Untagged]:
        return await self._answer(await self._ask(command))

    async def _tolerated(self, command: str) -> list[Untagged]:
        try:
            return await self._command(command)
        except Refused:
            return []

    async def _answer(self, ticket: Ticket) -> list[Untagged]:
        """What the server says until it has done what *ticket* asked for. Raises `Refused`."""
        told: list[Untagged] = []
        while True:
            response = await self._response()
            if isinstance(response, Untagged):
                told.append(response)
            elif response == ticket.tag:
                if self._result[:2].upper() != b"OK":
                    raise Refused(self._result)
                return told

    async def _response(self) -> Untagged | bytes | None:
        """One response: untagged, the tag of a command that is done (its result is then in `_result`), or `None` for a
        go-ahead."""
        lines: list[bytes] = []
        literals: list[bytes | TooLarge] = []
        while True:
            line = await self._stream.line()
            literal = LITERAL.search(line)
            if literal is None:
                lines.append(line)
                break
            lines.append(line[: literal.start()])
            size = int(literal[1])
            # The server may have told another size before.
            if size > self._settings.max_bytes + HEADER_BYTES:
                await self._stream.skip(size)
                literals.append(TOO_LARGE)
            else:
                literals.append(await self._stream.literal(size))
        first = lines[0]
        if first.startswith(b"* "):
            response = responses.untagged(lines, literals)
            self._notice(response)
            return response
        if first.startswith(b"+"):
            return None
        tag, _, self._result = first.partition(b" ")
        if not self._sent or tag != self._sent[0][0]:
            raise Garbled("an answer to what nobody asked")
        self._sent.popleft()
        return tag

    def _notice(self, response: Untagged) -> None:
        """Keep in mind what may come at any time."""
        kind = response.kind
        if kind == b"EXISTS":
            self.exists = response.number
        elif kind == b"EXPUNGE":
            # After it a new mail may bring the number back to what it was.
            self.exists, self.known = self.exists - 1, self.known - 1
            self.mails_went = True
        elif kind == b"VANISHED" and b"EARLIER" not in response.text.upper():
            self.mails_went = True
            with suppress(Garbled):
                count = len(responses.uids(response.text))
                self.exists, self.known = self.exists - count, self.known - count
                self._vanished.append(response.text)
        elif kind == b"FETCH" and b"FLAGS" in response.text and not (self._sent and self._sent[0][1]):
            self.flags_changed = True
        elif kind == b"STATUS":
            with suppress(Garbled):
                name, _ = response.values()
                self.told[responses.name(name)] = response.pairs()
        elif kind == b"BYE":
            raise Ended

    async def _examine(self, name: str) -> list[Untagged]:
        if not self._can("ENABLE") and self.counts:
            try:
                return await self._command(f"EXAMINE {_quoted(name)} (CONDSTORE)")
            except Refused:
                # Some announce it and do not know the word (mail.gov.in: MailKit#757).
                pass
        return await self._command(f"EXAMINE {_quoted(name)}")

    async def _search(self, criteria: str) -> list[int]:
        told = await self._command(f"UID SEARCH {criteria}")
        return sorted({int(uid) for one in told if one.kind == b"SEARCH" for uid in one.text.split() if uid.isdigit()})

    @property
    def _outline_items(self) -> str:
        return "UID RFC822.SIZE INTERNALDATE" + (" FLAGS X-GM-LABELS" if self.quirks.labels else "")

    async def _outlines(self, ticket: Ticket) -> list[Outline]:
        told = [_outline(pairs) for pairs in _fetched(await self._answer(ticket)) if b"RFC822.SIZE" in pairs]
        return sorted({one.uid: one for one in told}.values(), key=lambda one: one.uid)

    async def _still_there(self, uids: Sequence[int]) -> list[int]:
        # The server may go on speaking of what is gone until it could say so.
        await self._command("NOOP")
        there = set(await self._search(f"UID {responses.compact(uids)}"))
        return [uid for uid in uids if uid in there]

    async def _gone(self, told: list[int]) -> list[int]:
        """Of the UIDs that the server says are gone those that it does not have: some say it of mails that they do."""
        return sorted(set(told) - set(await self._still_there(told))) if told else []

    async def _refused_folder(self, name: str, error: Refused) -> hub.Verdict:
        names = [listed.name for listed in _listed(await self._command('LIST "" "*"'))]
        if name not in names and name.upper() != "INBOX":
            return self.missing(name, names)
        if b"[NOPERM]" in error.line.upper() or b"permission" in error.line.lower():
            return hub.Rejected(f'we may not read the folder "{name}"; ask who runs the server, or leave it out')
        return hub.Unavailable(f'{self._settings.host} does not open the folder "{name}" now')

    def missing(self, wanted: str, names: Sequence[str]) -> hub.Misconfigured:
        """The verdict about a folder that is *wanted* and not among *names*."""
        return hub.Misconfigured(
            f'there is no folder "{wanted}"; correct sources.{self._source}.folders: there are {_some(names)}'
        )

    @contextmanager
    def _verdicts(self, fetching: bool = False) -> Generator[None]:
        host = self._settings.host
        broken = Unfetchable if fetching else hub.Unavailable
        try:
            yield
        except Refused as error:
            # An error inside the server may be all that it has to say of a mail.
            if BUSY.search(error.line) and not (fetching and b"SERVERBUG" in error.line.upper()):
                raise hub.Unavailable(f"{host} is busy") from error
            raise broken(f"{host} refused what every server does") from error
        except (Garbled, KeyError) as error:
            raise broken(f"{host} gave an answer we do not understand") from error
        except Ended as error:
            raise broken(f"{host} closed the connection") from error
        except TimeoutError as error:
            raise broken(f"{host} did not answer in time") from error
        except ssl.SSLError as error:
            raise broken(f"the encrypted connection to {host} broke") from error
        except OSError as error:
            raise broken(f"the connection to {host} was lost") from error


def _quoted(name: str) -> str:
    written = "INBOX" if name.upper() == "INBOX" else encode(name).decode("ascii")
    return '"' + written.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _listed(told: Iterable[Untagged]) -> list[Listed]:
    found = []
    for one in told:
        if one.kind != b"LIST":
            continue
        flags, delimiter, name, *_ = one.values()
        found.append(
            Listed(
                frozenset(flag.decode("ascii", "replace") for flag in flags or () if isinstance(flag, bytes)),
                delimiter.decode("ascii", "replace") if isinstance(delimiter, bytes) else "",
                responses.name(name if isinstance(name, bytes) else b"NIL"),
            )
        )
    return found


def _numbers(name: str, told: Untagged) -> Folder:
    pairs = told.pairs()
    modseq = pairs.get(b"HIGHESTMODSEQ")
    return Folder(
        name,
        responses.integer(pairs[b"UIDVALIDITY"]),
        responses.integer(pairs[b"UIDNEXT"]),
        responses.integer(modseq) if modseq else 0,
        responses.integer(pairs.get(b"MESSAGES", b"0")),
    )


def _fetched(told: Iterable[Untagged]) -> Generator[dict[bytes, Any]]:
    """What FETCH responses say, of each mail; what cannot be read is passed over, and what says of no UID too."""
    for one in told:
        if one.kind != b"FETCH":
            continue
        try:
            pairs = one.pairs()
            if b"UID" in pairs:
                responses.integer(pairs[b"UID"])
                yield pairs
        except Garbled:
            continue


def _outline(pairs: dict[bytes, Any]) -> Outline:
    size = pairs.get(b"RFC822.SIZE")
    flags = responses.flags(pairs.get(b"FLAGS")) | responses.labels(pairs.get(b"X-GM-LABELS"))
    return Outline(
        responses.integer(pairs[b"UID"]),
        int(size) if isinstance(size, bytes) and size.isdigit() else 0,
        responses.date(pairs.get(b"INTERNALDATE")),
        draft=any(flag.lower() in ("\\draft", "\\drafts") for flag in flags),
    )


def _mails(told: Iterable[Untagged]) -> dict[int, Mail]:
    found = {}
    for pairs in _fetched(told):
        body = next((value for name, value in pairs.items() if name.startswith((b"BODY[]", b"BODY[HEADER]"))), None)
        uid = responses.integer(pairs[b"UID"])
        if body is not None or uid not in found:
            found[uid] = Mail(
                uid,
                body if isinstance(body, bytes | TooLarge) else None,
                responses.flags(pairs.get(b"FLAGS")),
                responses.labels(pairs.get(b"X-GM-LABELS")),
                responses.date(pairs.get(b"INTERNALDATE")),
            )
    return {uid: mail for uid, mail in found.items() if mail.raw is not None}


def _some(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
