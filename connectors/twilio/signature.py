"""How Twilio signs a webhook: https://www.twilio.com/docs/usage/webhooks/webhooks-security

Twilio's own `RequestValidator` follows the same rules and takes four times as long: it computes both spellings of the
URL, rebuilt from its parts, before it compares the first. The tests hold this module against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import parse_qs, unquote_plus, urlsplit

from hub import Delivery, Forged, Malformed
from hub.formats.digest import digest
from hub.formats.signing import Digest, equal, hmac_base64

_DIGESTS: dict[str, Digest] = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}


@lru_cache(maxsize=8)
def form(data: str) -> tuple[tuple[str, str], ...]:
    """The names and values of a form or a query string, empty ones too. Bytes that are not UTF-8 become surrogates.

    A delivery's is needed to verify, to read and to answer it, so the last few are remembered.
    """
    pairs = []
    for piece in data.split("&"):
        name, _, value = piece.partition("=")
        if "%" in piece or "+" in piece:
            name = unquote_plus(name, errors="surrogateescape")
            value = unquote_plus(value, errors="surrogateescape")
        if name:
            pairs.append((name, value))
    return tuple(pairs)


def body_form(delivery: Delivery) -> tuple[tuple[str, str], ...]:
    """The form in the body of *delivery*. Raises `Malformed` where there is none."""
    try:
        return form(delivery.body.decode("ascii"))
    except UnicodeDecodeError as error:
        raise Malformed(f"The body is no form: byte {error.start} is not ASCII.") from error


def is_json(delivery: Delivery) -> bool:
    """Whether the body is JSON, which is signed by its hash in the URL and not by its parameters."""
    return delivery.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def signature(url: str, parameters: str, secret: bytes, algorithm: Digest) -> str:
    """The signature of a request for *url* with *parameters* (see `signed_parameters`), as the header has it."""
    return hmac_base64(secret, (url + parameters).encode("utf-8", "surrogateescape"), algorithm)


def signed_parameters(delivery: Delivery) -> str:
    """What is signed beside the URL: every parameter of the body once, sorted, name and value run together. A JSON body
    has none and must have the hash that the URL names. Raises `Forged`, or `Malformed` for a body that is no form."""
    if is_json(delivery):
        named = parse_qs(urlsplit(delivery.url).query).get("bodySHA256", [""])[0]
        if not equal(digest(delivery.body), named.lower()):
            raise Forged("The body is not the one whose hash (bodySHA256) the signed URL names.")
        return ""
    if delivery.method == "GET" or not delivery.body:
        return ""
    return "".join([name + value for name, value in sorted(set(body_form(delivery)))])


def signed_urls(url: str) -> Iterator[str]:
    """The spellings of *url* that Twilio may have signed: it leaves a port out of requests for TwiML and keeps it in
    callbacks (twilio-node#411), and some of its parts name the default port (twilio-python#402)."""
    yield url
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    name, _, port = host.rpartition(":")
    if port.isdigit():
        yield f"{scheme}://{name}{slash}{path}"
    else:
        yield f"{scheme}://{host}:{443 if scheme == 'https' else 80}{slash}{path}"


def named_key(header: str) -> tuple[str, Digest]:
    """The key's id and the digest that `X-Twilio-Webhooks-Signature-Settings: key=<id>,algorithm=HMAC_SHA256` names.
    Raises `Forged` for an algorithm that nobody here knows."""
    named = {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in header.split(","))}
    algorithm = _DIGESTS.get((named.get("algorithm") or "HMAC_SHA1").upper())
    if algorithm is None:
        raise Forged("The signature names an algorithm that is not known here.")
    return named.get("key", ""), algorithm
