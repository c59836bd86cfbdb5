"""How fast a mail is read: ours beside the standard library and a parser in Rust, on the same mails in the same run."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from statistics import median
from time import perf_counter

import fast_mail_parser

from hub.formats import mail
from tests.bench.corpus import mails

MAILS = 400
ROUNDS = 5
SHARES = (("3 kB", 0, 14), ("30 kB", 14, 19), ("300 kB", 19, 20))


def _policy_default(raw: bytes) -> None:
    """What a mail client needs of it, as the library's manual shows it."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    for name in ("subject", "from", "to", "cc", "date", "message-id", "in-reply-to", "references"):
        str(message[name])
    body = message.get_body(("plain", "html"))
    if body is not None:
        body.get_content()
    for part in message.iter_attachments():
        part.get_filename()


def _policy_default_unread(raw: bytes) -> None:
    email.message_from_bytes(raw, policy=email.policy.default)


def _compat32(raw: bytes) -> None:
    message = email.message_from_bytes(raw)
    for part in message.walk():
        if part.get_content_type() == "text/plain":
            part.get_payload(decode=True)


def _rust(raw: bytes) -> None:
    parsed = fast_mail_parser.parse_email(raw, mode="lazy")
    _ = (parsed.subject, parsed.from_, parsed.to, parsed.cc, parsed.date_parsed, parsed.headers, parsed.text_plain)


READERS: tuple[tuple[str, Callable[[bytes], object]], ...] = (
    ("hub.formats.mail.parse", mail.parse),
    ("email.policy.default", _policy_default),
    ("email.policy.default, nothing read", _policy_default_unread),
    ("email.policy.compat32", _compat32),
    ("fast-mail-parser, attachments lazy", _rust),
)


def run() -> str:
    """The table: microseconds a mail by size and for the mix, mails a second, and each beside ours. Medians of
    interleaved rounds."""
    corpus = list(mails(MAILS, seed=20))
    groups = [[raw for number, raw in enumerate(corpus) if low <= number % 20 < high] for _, low, high in SHARES]
    taken: dict[str, list[list[float]]] = {name: [[] for _ in SHARES] for name, _ in READERS}
    for _ in range(ROUNDS):
        for name, read in READERS:
            for times, group in zip(taken[name], groups, strict=True):
                times.append(_seconds(read, group))
    weights = [len(group) / len(corpus) for group in groups]
    by_size = {name: [median(times) for times in rounds] for name, rounds in taken.items()}
    mix = {
        name: sum(weight * each for weight, each in zip(weights, sizes, strict=True)) for name, sizes in by_size.items()
    }
    ours = mix[READERS[0][0]]
    lines = [f"{'':36}" + "".join(f"{label:>9}" for label, _, _ in SHARES) + f"{'mix':>9}{'mails/s':>9}{'ours is':>9}"]
    for name, sizes in by_size.items():
        cells = "".join(f"{each * 1e6:>6.0f} µs" for each in (*sizes, mix[name]))
        lines.append(f"{name:36}{cells}{1 / mix[name]:>9,.0f}{mix[name] / ours:>8.1f}×")
    return "\n".join(lines)


def _seconds(read: Callable[[bytes], object], group: Sequence[bytes]) -> float:
    started = perf_counter()
    for raw in group:
        read(raw)
    return (perf_counter() - started) / len(group)


if __name__ == "__main__":
    print(run())
