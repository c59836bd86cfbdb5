"""The table of the config file that is about text messages: the templates a provider has approved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from hub import config_values as values
from hub.config_reader import Reader

_GAP = re.compile(r"\{\{\s*([A-Za-z0-9_]{1,40})\s*\}\}")


class TemplateTable(BaseModel):
    """`[templates.<name>]`: a text with which a WhatsApp conversation may be begun, or gone on with after a day."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    source: str
    id: str = Field(min_length=1, max_length=200)
    text: str = Field(min_length=1, max_length=4096)
    language: str = ""


@dataclass(frozen=True, slots=True)
class TemplateConfig:
    """An approved text: its *name* with us, the *source* it is sent from, the provider's *id* for it, the *text* with
    its gaps as the provider has it ({{1}} or {{name}}), and its *language* (BCP 47, "" where nobody says)."""

    name: str
    source: str
    id: str
    text: str
    language: str = ""

    @property
    def gaps(self) -> tuple[str, ...]:
        """What is to be filled in, each once, in the order of the text."""
        return tuple(dict.fromkeys(_GAP.findall(self.text)))

    def filled(self, values: Mapping[str, str]) -> str:
        """The text as it is read; a gap without a value stays."""
        return _GAP.sub(lambda gap: values.get(gap[1], "") or gap[0], self.text)


def read_templates(reader: Reader) -> dict[str, TemplateConfig]:
    """The texts that may begin a conversation where free text may not."""
    templates = {}
    for name, table in reader.tables("templates"):
        path = f"templates.{values.quoted(name)}"
        if (read := reader.checked(path, TemplateTable, table)) is None:
            continue
        reader.named(f"{path}.source", read.source, "sources")
        language = reader.value(f"{path}.language", "", values.language_tag, read.language) if read.language else ""
        templates[name] = TemplateConfig(name, read.source, read.id, read.text, language)
    return templates
