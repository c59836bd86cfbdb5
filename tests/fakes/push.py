"""A push service small enough to see through, and the browsers that subscribe to it.

It checks what RFC 8030, RFC 8291 and RFC 8292 ask for, with code of its own, and decrypts each message as the browser
would. What it does not accept it answers as push services do, and remembers as a complaint.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_CURVE = ec.SECP256R1()


def encode(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """What `encode` made."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True, slots=True)
class Pushed:
    """One message as a browser reads it, with the fields it came with."""

    message: dict[str, Any]
    ttl: int
    urgency: str
    topic: str
    contact: str


@dataclass(slots=True)
class Browser:
    """One subscription: what the page gives to the hub (`subscription`), and what came (`shown`). *status* is what its
    endpoint answers instead of 201, with *retry_after*; *silent*: it takes the message and never answers."""

    endpoint: str
    application_key: str
    key: ec.EllipticCurvePrivateKey
    secret: bytes
    status: int = 201
    retry_after: str = ""
    silent: bool = False
    shown: list[Pushed] = field(default_factory=list)
    tries: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def subscription(self) -> dict[str, Any]:
        """`PushSubscription.toJSON()`."""
        public = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": encode(public), "auth": encode(self.secret)}
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": keys}

    @property
    def screen(self) -> dict[str, dict[str, Any]]:
        """The notifications that stand there: a later one with the same tag takes the place of the earlier."""
        return {each.message["tag"]: each.message for each in self.shown}

    async def told(self, count: int = 1) -> list[Pushed]:
        """What came, once *count* messages have."""
        async with asyncio.timeout(10):
            while len(self.shown) < count:
                self.came.clear()
                await self.came.wait()
        return self.shown


@dataclass(slots=True)
class PushService:
    """The service. *complaints* are what was wrong with requests."""

    url: str = ""
    browsers: dict[str, Browser] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def place(self) -> str:
        """Its `host:port`."""
        return self.url.removeprefix("http://")

    def browser(self, application_key: str) -> Browser:
        """A browser that subscribes for the application with that public key."""
        name = encode(os.urandom(8))
        key = ec.generate_private_key(_CURVE)
        made = Browser(f"{self.url}/push/{name}", application_key, key, os.urandom(16))
        self.browsers[name] = made
        return made

    async def push(self, request: web.Request) -> web.Response:
        """`POST /push/{name}`."""
        browser = self.browsers.get(request.match_info["name"])
        if browser is None:
            return web.Response(status=404)
        browser.tries += 1
        if browser.status != 201:
            headers = {"Retry-After": browser.retry_after} if browser.retry_after else {}
            return web.Response(status=browser.status, headers=headers)
        body = await request.read()
        try:
            contact = self._vapid(request.headers.get("Authorization", ""), browser)
        except (ValueError, KeyError, InvalidSignature) as error:
            return self._refuse(403, f"VAPID: {error!r}")
        if "TTL" not in request.headers:
            return self._refuse(400, "no TTL")
        if request.headers.get("Content-Encoding") != "aes128gcm":
            return self._refuse(400, "not aes128gcm")
        if len(body) > 4096:
            return self._refuse(413, "too long")
        topic, urgency = request.headers.get("Topic", ""), request.headers.get("Urgency", "normal")
        if len(topic) > 32 or not topic.replace("-", "").replace("_", "").isalnum():
            return self._refuse(400, f"topic {topic!r}")
        if urgency not in ("very-low", "low", "normal", "high"):
            return self._refuse(400, f"urgency {urgency!r}")
        message = json.loads(_opened(body, browser))
        browser.shown.append(Pushed(message, int(request.headers["TTL"]), urgency, topic, contact))
        browser.came.set()
        if browser.silent:
            await self.closing.wait()
        location = f"{self.url}/message/{len(browser.shown)}"
        return web.Response(status=201, headers={"Location": location})

    def _vapid(self, field: str, browser: Browser) -> str:
        """Check who sends, and answer the contact."""
        scheme, _, rest = field.partition(" ")
        said = dict(part.strip().split("=", 1) for part in rest.split(","))
        if scheme != "vapid" or said["k"] != browser.application_key:
            raise ValueError("another application")
        signed, _, signature = said["t"].rpartition(".")
        raw = decode(signature)
        if len(raw) != 64:
            raise ValueError("not r||s")
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        key = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, decode(said["k"]))
        key.verify(encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256()))
        head, claims = (json.loads(decode(part)) for part in signed.split("."))
        if head.get("alg") != "ES256" or claims["aud"] != self.url:
            raise ValueError(f"not for us: {claims}")
        if not time.time() < claims["exp"] <= time.time() + 86_400:
            raise ValueError("expires too late, or has expired")
        if not claims["sub"].startswith(("mailto:", "https:")):
            raise ValueError("no contact")
        return str(claims["sub"])

    def _refuse(self, status: int, why: str) -> web.Response:
        self.complaints.append(why)
        return web.Response(status=status, text=why)


def _opened(body: bytes, browser: Browser) -> bytes:
    """RFC 8188 section 2 and RFC 8291 section 3.4, from the receiver's side."""
    salt, length = body[:16], body[20]
    sender, sealed = body[21 : 21 + length], body[21 + length :]
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, sender)
    ours = browser.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = browser.key.exchange(ec.ECDH(), theirs)
    material = _expand(_mac(browser.secret, shared), b"WebPush: info\0" + ours + sender, 32)
    prime = _mac(salt, material)
    key = _expand(prime, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _expand(prime, b"Content-Encoding: nonce\0", 12)
    padded = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
    if padded[-1:] != b"\x02":
        raise ValueError("the last record does not end with 2")
    return padded[:-1]


def _mac(key: bytes, message: bytes) -> bytes:
    mac = HMAC(key, hashes.SHA256())
    mac.update(message)
    return mac.finalize()


def _expand(key: bytes, info: bytes, length: int) -> bytes:
    return _mac(key, info + b"\x01")[:length]


@asynccontextmanager
async def push_service() -> AsyncIterator[PushService]:
    """A running one."""
    service = PushService()
    app = web.Application()
    app.router.add_post("/push/{name}", service.push)
    async with TestServer(app) as server:
        service.url = str(server.make_url("")).rstrip("/")
        yield service
        service.closing.set()
