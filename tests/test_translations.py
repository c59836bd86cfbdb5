"""Every sentence of the pages is there in every language."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from hub.web.i18n import TAGS

WEB = Path(__file__).parents[1] / "hub" / "web"
BOOKING = WEB.parent / "booking"  # what people are told of their bookings
ALERTS = WEB.parent / "alerts"  # and of everything else
# How the sources say "in the reader's language": `_` in templates, `t` for a reader's `gettext` in Python.
KEYWORDS = {"_": None, "t": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}


def _sentences() -> Catalog:
    """What stands in the sources and templates, in English."""
    found = Catalog()
    methods = [("**.py", "python"), ("**.html", "jinja2.ext:babel_extract")]
    # Not silent: a template that can't be parsed has no sentences to miss.
    options = {"**.html": {"silent": "false"}}
    for folder in (WEB, BOOKING, ALERTS):
        for file, line, message, comments, context in extract_from_dir(folder, methods, options, KEYWORDS):
            found.add(message, None, [(file, line)], auto_comments=comments, context=context)
    return found


def _catalogue(tag: str) -> Catalog:
    path = WEB / "locale" / tag.replace("-", "_") / "LC_MESSAGES" / "messages.po"
    return read_po(BytesIO(path.read_bytes()), locale=tag.replace("-", "_"))


@pytest.fixture(scope="module")
def sentences() -> Catalog:
    return _sentences()


@pytest.mark.parametrize("tag", TAGS[1:])
def test_every_sentence_is_translated(sentences: Catalog, tag: str) -> None:
    catalogue = _catalogue(tag)
    missing = [
        f"{message.locations[0][0]}:{message.locations[0][1]}: {message.id}"
        for message in sentences
        if message.id and not _translated(catalogue, message.id, message.context)
    ]
    assert missing == []


@pytest.mark.parametrize("tag", TAGS[1:])
def test_no_translation_is_left_of_a_sentence_that_is_gone(sentences: Catalog, tag: str) -> None:
    catalogue = _catalogue(tag)
    gone = [
        message.id for message in catalogue if message.id and sentences.get(_key(message.id), message.context) is None
    ]
    assert gone == []
    assert list(catalogue.obsolete) == []


@pytest.mark.parametrize("tag", TAGS[1:])
def test_a_translation_fills_in_the_same_values(tag: str) -> None:
    differing = [
        (message.id, string)
        for message in _catalogue(tag)
        if message.id
        for string in ([message.string] if isinstance(message.string, str) else message.string or [""])
        # Of a sentence that counts, the form for many names every value; the form for one may leave the number out.
        if _values(string) != _values(message.id if isinstance(message.id, str) else message.id[-1])
    ]
    assert differing == []


def test_the_sources_do_say_something(sentences: Catalog) -> None:
    assert len(sentences) > 20


def _values(sentence: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)[sd]|%[sd]|\{\w*\}", sentence))


def _key(message: str | tuple[str, ...] | list[str]) -> str:
    return message if isinstance(message, str) else message[0]


def _translated(catalogue: Catalog, message: str | tuple[str, ...] | list[str], context: str | None) -> bool:
    found = catalogue.get(_key(message), context)
    if found is None or found.fuzzy:
        return False
    # Chinese has one plural form, so a sentence that counts has one translation.
    return all(found.string) if isinstance(found.string, list | tuple) else bool(found.string)
