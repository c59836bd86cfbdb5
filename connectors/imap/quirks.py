"""What servers announce and do not keep. Known by what they say of themselves, never by the name of their host.

Each line has its reason. A server that is not listed is believed; one that announces nothing gets plain RFC 3501.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quirks:
    """How far a server is to be believed.

    *condstore*: flags that changed are asked for by MODSEQ (RFC 7162). *qresync*: what vanished is, too. *notify*:
    it tells of other folders than the open one (RFC 5465). *idle*: it tells of the open one (RFC 2177).
    Each counts only where the server announces the capability. *labels* are Gmail's.
    """

    server: str
    condstore: bool = True
    qresync: bool = True
    notify: bool = True
    idle: bool = True
    labels: bool = False


_SERVERS: tuple[tuple[str, Quirks], ...] = (
    # One folder, All Mail, holds every mail once, with its labels; each label is a folder besides, with UIDs of its own
    # (developers.google.com/gmail/imap/imap-extensions). CONDSTORE yes, QRESYNC was never announced.
    (r"\bX-GM-EXT-1\b", Quirks("Gmail", qresync=False, notify=False, labels=True)),
    # Announces QRESYNC, does not confirm that it is on, and answers with a malformed VANISHED, after which mail seems
    # to disappear (Mailspring-Sync#91, MailKit#1871).
    (r"\biscream|\.me\.com\b|iCloud", Quirks("iCloud", qresync=False, notify=False)),
    # Has neither CONDSTORE nor QRESYNC (emailengine#30): flags and what vanished are found by comparing.
    (r"Microsoft Exchange", Quirks("Exchange", condstore=False, qresync=False, notify=False)),
    # Tells HIGHESTMODSEQ with every folder and knows no CHANGEDSINCE; its capability is a XYMHIGHESTMODSEQ of its own
    # (whiteout-io/imap-client#40, MailKit#221).
    (r"\bXYMHIGHESTMODSEQ\b", Quirks("Yahoo", condstore=False, qresync=False, notify=False)),
    # As these servers announce it, so they do it.
    (r"Dovecot", Quirks("Dovecot")),
    (r"Cyrus", Quirks("Cyrus")),
)


def quirks(greeting: bytes, ident: bytes, capabilities: frozenset[bytes]) -> Quirks:
    """How the server is to be taken that greets and calls itself so (RFC 2971) and announces *capabilities*."""
    said = b"\n".join((greeting, ident, b" ".join(sorted(capabilities)))).decode("ascii", "replace")
    return next((found for mark, found in _SERVERS if re.search(mark, said, re.IGNORECASE)), Quirks(""))
