"""The language in which a phone system's own events are told as the hub's; docs/CALL-SENDERS.md describes it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import quoteattr

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from connectors.calls.payloads import CallNews, EventName
from hub import Delivery, Reply, Unsupported

SENDERS = Path(__file__).parent / "senders"
MOST_PHONES = 100
"""Of one group. What names more is no group of phones."""

Scalar = str | int | bool
Place = Annotated[str, Field(min_length=1, max_length=200)]
OurKey = Literal[
    "id",
    "from",
    "to",
    "agent",
    "at",
    "duration",
    "name",
    "line",
    "direction",
    "queue",
    "outcome",
    "leg",
    "joined",
    "by",
    "recording.id",
    "recording.url",
    "recording.seconds",
    "transcript.id",
    "transcript.text",
    "transcript.language",
]
Values = dict[str, Scalar]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Proof(_Table):
    """How the sender proves itself, always with the source's `token`.

    `bearer`: Authorization: Bearer. `query`: the parameter *name* of the URL. `field`: the field *name* of the body.
    `hmac`: the HMAC of the body in the header *name*, after *prefix*. `ed25519`: the token is the sender's public key
    in base64; the header *name* holds the signature in base64 of the header *timestamp*, "|" and the body.
    """

    kind: Literal["bearer", "query", "field", "hmac", "ed25519"] = "bearer"
    name: str = ""
    prefix: str = ""
    digest: Literal["sha1", "sha256", "sha384", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    timestamp: str = ""

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if self.kind != "bearer" and not self.name:
            raise ValueError(f'"{self.kind}" needs a name')
        if (self.kind == "ed25519") != bool(self.timestamp):
            raise ValueError('"timestamp" belongs to "ed25519"')
        return self


class Rule(_Table):
    """What one of their events is: *when* all fields have one of the values, it is our *event* ("": nothing of
    interest). *fields* are where our keys stand in it, beside or instead of those of the mapping; *without* are keys
    that are not taken from it, and *set* is what it says without words. *each* names a field with several values: then
    there is one event of ours for each, about the phone of that agent."""

    when: dict[Place, Scalar | tuple[Scalar, ...]] = Field(default={})
    event: EventName | None = None
    fields: dict[OurKey, Place | tuple[Place, ...]] = Field(default={})
    without: frozenset[OurKey] = frozenset()
    set: dict[OurKey, Scalar] = Field(default={})
    each: str = ""

    def fits(self, said: Any) -> bool:
        """Whether it is about an event that says *said*."""
        return all(_is(_found(said, path), wanted) for path, wanted in self.when.items())


class Answer(_Table):
    """What the sender is answered where *when* holds: *body*, in which `{url}` is the URL that it called, as an XML
    attribute with its quotes."""

    when: dict[Place, Scalar | tuple[Scalar, ...]] = Field(default={})
    body: str
    content_type: str = "application/xml"


class Mapping(_Table):
    """A sender. *fields* say where our keys stand: a path with dots, or several of which the first that is there
    counts. *values* translate theirs into ours by our key; a value that is not in such a table is left out. *plus* are
    keys whose numbers come with their country code and without a plus."""

    format: Literal["json", "form", "query"] = "json"
    proof: Proof = Proof()
    fields: dict[OurKey, Place | tuple[Place, ...]]
    values: dict[OurKey, Values] = Field(default={})
    plus: frozenset[Literal["from", "to", "line", "agent"]] = frozenset()
    events: Annotated[tuple[Rule, ...], Field(min_length=1)]
    answer: Answer | None = None

    @model_validator(mode="after")
    def _knows_calls(self) -> Self:
        if "id" not in self.fields:
            raise ValueError('"fields" must say where the "id" of the call stands')
        return self

    @classmethod
    def shipped(cls, name: str) -> Mapping:
        """The mapping of the sender *name* that comes with the hub. Raises `ValueError`."""
        known = {path.stem: path for path in SENDERS.glob("*.toml")}
        if name not in known:
            raise ValueError(f'there is no sender "{name}"; there are: {", ".join(sorted(known))}')
        return cls.model_validate(tomllib.loads(known[name].read_text("utf-8")))

    def read(self, delivery: Delivery) -> Any:
        """What *delivery* says, as nested objects. Raises `Unsupported`."""
        if self.format == "json":
            try:
                return orjson.loads(delivery.body)
            except orjson.JSONDecodeError:
                raise Unsupported("The body is no JSON, as this sender's is.") from None
        text = urlsplit(delivery.url).query if self.format == "query" else delivery.body.decode("utf-8", "replace")
        said: dict[str, Any] = {}
        try:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=1000)
        except ValueError:
            raise Unsupported("The form has too many fields.") from None
        for name, value in pairs:
            said[name] = [*said[name], value] if name in said else [value]
        return {name: values[0] if len(values) == 1 else values for name, values in said.items()}

    def news(self, delivery: Delivery) -> Iterator[CallNews]:
        """What *delivery* says in our words; nothing where it is known and of no interest. Raises `Unsupported`."""
        said = self.read(delivery)
        rule = next((rule for rule in self.events if rule.fits(said)), None)
        if rule is None:
            raise Unsupported("The mapping of this sender has no rule for this event.")
        if rule.event is None:
            return
        told = self._told(rule, said)
        phones = _listed(_found(said, rule.each))[:MOST_PHONES] if rule.each else []
        for words in [{**told, "agent": phone} for phone in phones] or [told]:
            try:
                yield CallNews.model_validate({"event": rule.event, **words})
            except ValidationError as error:
                problems = (f"{'.'.join(map(str, each['loc'])) or 'event'}: {each['msg']}" for each in error.errors())
                raise Unsupported(f"The sender's event makes no call: {'; '.join(problems)}.") from error

    def reply(self, delivery: Delivery) -> Reply:
        """What the sender is answered."""
        if self.answer is None:
            return Reply()
        try:
            said = self.read(delivery)
        except Unsupported:
            return Reply()
        if not all(_is(_found(said, path), wanted) for path, wanted in self.answer.when.items()):
            return Reply()
        body = self.answer.body.replace("{url}", quoteattr(delivery.url))
        return Reply(200, body.encode(), self.answer.content_type)

    def _told(self, rule: Rule, said: Any) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for key, paths in {**self.fields, **rule.fields}.items():
            several = (paths,) if isinstance(paths, str) else paths
            value = next((found for path in several if (found := _found(said, path)) not in (None, "")), None)
            if key in rule.without or (value is None and key not in ("from", "to")):
                continue
            if key in self.values:
                value = self.values[key].get(str(value))
                if value is None:
                    continue
            if key in self.plus and isinstance(value, str) and value.isascii() and value.isdigit() and value[0] != "0":
                value = f"+{value}"
            _put(told, key, value)
        for key, value in rule.set.items():
            _put(told, key, value)
        return told


def _found(said: Any, path: str) -> Any:
    """What stands at *path* in *said*, `None` where nothing does."""
    if isinstance(said, dict) and path in said:
        return said[path]
    for part in path.split("."):
        if isinstance(said, dict):
            said = said.get(part)
        elif isinstance(said, list) and part.isascii() and part.isdigit() and int(part) < len(said):
            said = said[int(part)]
        else:
            return None
    return said


def _is(found: Any, wanted: Scalar | tuple[Scalar, ...]) -> bool:
    several = wanted if isinstance(wanted, tuple) else (wanted,)
    return any(found == each and isinstance(found, bool) == isinstance(each, bool) for each in several)


def _listed(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [] if found in (None, "") else [found]


def _put(told: dict[str, Any], key: str, value: Any) -> None:
    whole, dot, part = key.partition(".")
    if dot:
        told.setdefault(whole, {})[part] = value
    else:
        told[key] = value
