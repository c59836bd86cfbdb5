"""The keys with which tokens are encrypted where they lie: Fernet (AES-128-CBC with HMAC-SHA-256)."""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from hub.contracts import Misconfigured
from hub.store.blobs import sync_folder

KEY_BYTES = 32
MAKE_ONE = "`openssl rand -base64 32` makes one"


class WrongKey(Misconfigured):
    """What is stored was encrypted with another key. It stays as it is, and is good again once the key is back."""


def read(text: str) -> tuple[bytes, ...]:
    """The keys in *text*, separated by commas or line breaks, each as base64 of 32 bytes. Raises `ValueError`."""
    keys = []
    for word in text.replace(",", " ").split():
        try:
            key = base64.b64decode(word.replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise ValueError(f"holds something that is no key. A key is base64 of {KEY_BYTES} bytes: {MAKE_ONE}.")
        keys.append(key)
    if not keys:
        raise ValueError(f"holds no key: {MAKE_ONE}.")
    return tuple(keys)


class Keys:
    """Encrypts with the first key, and reads what any of them wrote: so a new one can be put before the old one.

    *configured* are the keys of `[hub] key`; where there are none, *file* is read, and made when it is first needed.
    """

    def __init__(self, configured: Sequence[bytes], file: Path | None) -> None:
        self._configured = tuple(configured)
        self._file = file
        self._cipher: MultiFernet | None = None

    def sealed(self, secret: str) -> str:
        """*secret* encrypted; "" stays "". Raises `Misconfigured` where there is no key."""
        return self._opened().encrypt(secret.encode()).decode() if secret else ""

    def unsealed(self, text: str) -> str:
        """What `sealed` made of a secret. Raises `WrongKey`, and `Misconfigured` where there is no key."""
        if not text:
            return ""
        try:
            return self._opened().decrypt(text).decode()
        except InvalidToken:
            where = "[hub] key" if self._configured else str(self._file)
            raise WrongKey(
                f"the permission was encrypted with another key than {where} holds; put that key back "
                "(behind the new one and a comma), or connect again"
            ) from None

    def _opened(self) -> MultiFernet:
        if self._cipher is None:
            keys = self._configured or self._from_file()
            self._cipher = MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])
        return self._cipher

    def _from_file(self) -> tuple[bytes, ...]:
        if self._file is None:
            raise Misconfigured(f"[hub] key is missing, and with PostgreSQL every hub needs the same one; {MAKE_ONE}")
        try:
            _make(self._file)
            return read(self._file.read_text("ascii"))
        except OSError as error:
            raise Misconfigured(f"the key in {self._file} cannot be had: {error.strerror}") from error
        except ValueError as error:
            raise Misconfigured(f"{self._file} {error}".rstrip(".")) from error


def _make(path: Path) -> None:
    """A new key in *path*, for this user alone and durable before anything is encrypted with it; nothing happens where
    there is one."""
    if path.exists():
        return
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another hub was quicker
            os.link(fresh, path)  # whole, or not at all
    finally:
        os.unlink(fresh)
    sync_folder(path.parent)
