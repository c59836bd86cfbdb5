"""What is sealed with AES-256-CBC, as the chat platforms of Chinese firms do with what they send.

An envelope is 16 random bytes, the length of the message in four bytes (big-endian), the message, and whom it is for;
padded to whole blocks of 32 bytes (PKCS #7), with the first half of the key as its initialisation vector. It is signed
by SHA-1 over the sorted words token, timestamp, nonce and ciphertext.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

BLOCK = 32
_RANDOM = 16
_LENGTH = 4


class NotSealed(ValueError):
    """It cannot be opened with this key. The text is the reason, and names nothing of the content."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What an envelope held: the *message*, and whom it was for."""

    message: bytes = field(repr=False)
    receiver: str


def key(text: str) -> bytes:
    """The key that 43 letters of base64 stand for. Raises `ValueError`."""
    try:
        raw = base64.b64decode(f"{text}=")
    except ValueError:
        raw = b""
    if len(text) != 43 or len(raw) != 32:
        raise ValueError("must be the 43 letters and digits of the key")
    return raw


def signature(*words: str) -> str:
    """SHA-1 over *words* in their order by code points, in hex."""
    return hashlib.sha1("".join(sorted(words)).encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def opened(key: bytes, sealed: str) -> Envelope:
    """What the base64 text *sealed* holds. Raises `NotSealed`."""
    plain = _without_padding(decrypted(key, key[:16], _raw(sealed)), BLOCK)
    end = _RANDOM + _LENGTH + int.from_bytes(plain[_RANDOM : _RANDOM + _LENGTH], "big")
    if len(plain) < _RANDOM + _LENGTH or end > len(plain):
        raise NotSealed("what comes out has no sense: another key sealed it")
    try:
        return Envelope(plain[_RANDOM + _LENGTH : end], plain[end:].decode())
    except UnicodeDecodeError:
        raise NotSealed("what comes out has no sense: another key sealed it") from None


def sealed(key: bytes, message: bytes, receiver: str, random: bytes) -> str:
    """*message* for *receiver*, in base64; *random* are 16 bytes that nobody can guess."""
    plain = random + len(message).to_bytes(_LENGTH, "big") + message + receiver.encode()
    missing = BLOCK - len(plain) % BLOCK
    seal = Cipher(AES(key), CBC(key[:16])).encryptor()
    return base64.b64encode(seal.update(plain + bytes([missing]) * missing) + seal.finalize()).decode()


def unsealed(key: bytes, sealed: str) -> bytes:
    """What *sealed* holds where its first 16 bytes are the initialisation vector and nothing stands around the message,
    padded to blocks of 16 bytes. Raises `NotSealed`."""
    raw = _raw(sealed)
    return _without_padding(decrypted(key, raw[:16], raw[16:]), 16)


def decrypted(key: bytes, vector: bytes, data: bytes) -> bytes:
    """*data* in clear, with its padding. Raises `NotSealed`."""
    if not data or len(data) % 16 or len(vector) != 16:
        raise NotSealed("it is no whole number of blocks")
    seal = Cipher(AES(key), CBC(vector)).decryptor()
    return seal.update(data) + seal.finalize()


def _raw(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise NotSealed("it is no base64") from None


def _without_padding(plain: bytes, block: int) -> bytes:
    count = plain[-1] if plain else 0
    if not 1 <= count <= block or plain[-count:] != bytes([count]) * count:
        raise NotSealed("what comes out has no sense: another key sealed it")
    return plain[:-count]
