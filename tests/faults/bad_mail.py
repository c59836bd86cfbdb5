"""Mails as somebody sends them who wants to stop whoever reads them."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

LARGEST = 200 << 20
LINE = b"x" * 76 + b"\r\n"


@dataclass(frozen=True, slots=True)
class Bad:
    """A mail, and what the hub is to say of it: the *limit* it names where it records it ("" for none), its files, and
    how many participants it keeps."""

    name: str
    raw: bytes
    limit: str = ""
    files: tuple[str, ...] = ()
    participants: int = 2

    @property
    def ident(self) -> str:
        """Its Message-ID."""
        return f"<{self.name}@bad.example>"


def head(name: str, *, to: bytes = b"alice@example.test", more: bytes = b"") -> bytes:
    """The header of a mail of that name."""
    return (
        b"From: Mallory <mallory@bad.example>\r\nTo: " + to + b"\r\nSubject: " + name.encode() + b"\r\n"
        b"Message-ID: <" + name.encode() + b"@bad.example>\r\nDate: Mon, 02 Mar 2026 09:00:00 +0000\r\n"
        b"MIME-Version: 1.0\r\n" + more
    )


def good(name: str) -> bytes:
    """A mail as others are."""
    return head(name) + b"\r\nHello\r\n"


def huge() -> Iterator[bytes]:
    """A mail of `LARGEST` bytes in pieces."""
    start = head("huge") + b"\r\n"
    yield start
    left = LARGEST - len(start)
    block = LINE * 13_000
    while left > len(block) + len(LINE):
        yield block
        left -= len(block)
    yield b"y" * (left - 2) + b"\r\n"


def every() -> Iterator[Bad]:
    """All the others, one after the other, so that only one is in memory."""
    crowd = b",\r\n ".join(b"Person %d <person-%d@crowd.example>" % (number, number) for number in range(10_000))
    yield Bad(
        "crowd", head("crowd", to=crowd) + b"\r\nHello\r\n", "participants, the first 1000 are kept", participants=1_000
    )
    yield Bad("nested", _nested(5_000), "more than 40 levels of parts", ("",))
    yield Bad(
        "header",
        head("header", more=b"X-Junk: " + b"junk " * 2_000_000 + b"\r\n") + b"\r\nHello\r\n",
        "a header longer than 1,000,000 bytes",
    )
    folded = b"\r\n ".join(b"junk" * 15 for _ in range(160_000))
    yield Bad(
        "subject",
        head("subject").replace(b"Subject: subject\r\n", b"") + b"Subject: " + folded + b"\r\n\r\nHello\r\n",
        "a header longer than 1,000,000 bytes",
    )
    yield Bad("parts", _many(20_000), "more than 2,000 parts")
    yield Bad("path", _with_file("path", b"../../x", b"nothing"), files=("x",))
    yield Bad("zip", _with_file("zip", b"bomb.zip", _zip_bomb()), files=("bomb.zip",))
    page = b"<html><body>" + b"<div><b><table><tr><td>" * 200_000 + b"boom" + b"</p>" * 100_000
    yield Bad("page", head("page", more=b"Content-Type: text/html\r\n") + b"\r\n" + _lines(page))
    style = b"<style>" + b"@import url(https://tracker.example/a);*{" * 100_000 + b"</style>" + b"&lt;" * 500_000
    yield Bad("style", head("style", more=b"Content-Type: text/html\r\n") + b"\r\n" + _lines(style))
    yield Bad(
        "null",
        head("null", to=b'alice@example.test,\x00 "Nu\x00ll" <nu\x00ll@bad.example>') + b"\r\nHel\x00lo\r\n",
        participants=3,
    )


def _lines(page: bytes) -> bytes:
    return b"\r\n".join(page[start : start + 900] for start in range(0, len(page), 900)) + b"\r\n"


def _nested(depth: int) -> bytes:
    inner = b"Content-Type: text/plain\r\n\r\nThe innermost\r\n"
    before = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(depth)
    )
    after = b"".join(b"--b%d--\r\n" % level for level in reversed(range(depth)))
    return head("nested") + before + inner + after


def _many(parts: int) -> bytes:
    body = b"".join(b"--b\r\nContent-Type: text/plain\r\n\r\npart %d\r\n" % number for number in range(parts))
    return head("parts", more=b"Content-Type: multipart/mixed; boundary=b\r\n") + b"\r\n" + body + b"--b--\r\n"


def _with_file(name: str, file: bytes, content: bytes) -> bytes:
    return (
        head(name, more=b"Content-Type: multipart/mixed; boundary=b\r\n")
        + b"\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee the file\r\n"
        + b"--b\r\nContent-Type: application/octet-stream\r\n"
        + b'Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="' + file + b'"\r\n\r\n'
        + base64.encodebytes(content).replace(b"\n", b"\r\n") + b"--b--\r\n"
    )  # fmt: skip


def _zip_bomb() -> bytes:
    """A gigabyte of zeros in a zip in a zip."""
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("zeros", "w") as zeros:
        for _ in range(256):
            zeros.write(bytes(4 << 20))
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(16):
            archive.writestr(f"{number}.zip", outer.getvalue())
    return whole.getvalue()
