"""`[ways.<name>]`: what is right, and what is said of what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.config import ConfigError, load

AGENTS = '[agents.ada]\nname = "Ada"\n'


def wrong(folder: Path, tables: str) -> str:
    """What is said of a file."""
    path = folder / "config.toml"
    path.write_text(AGENTS + tables)
    with pytest.raises(ConfigError) as caught:
        load(path, {"NTFY_TOKEN": "tk_7f3a1c"})
    return str(caught.value)


def test_a_way_is_read_and_its_secrets_are_known_to_no_log(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        AGENTS + '[ways.phones]\nkind = "ntfy"\nserver = "https://ntfy.example.org/"\ntopic = "hub-{agent}"\n'
        'token = "env:NTFY_TOKEN"\nagents = ["ada"]\n[ways.matters]\nkind = "apprise"\nurl = "env:MATTERS"\n'
    )
    read = load(path, {"NTFY_TOKEN": "tk_7f3a1c", "MATTERS": "json://user:pw-5f1c9e@matters.example.org"})
    assert read.ways["phones"].server == "https://ntfy.example.org"
    assert (read.ways["phones"].agents, read.ways["phones"].enabled) == (("ada",), True)
    assert read.secrets >= {"tk_7f3a1c", "json://user:pw-5f1c9e@matters.example.org"}
    assert "tk_7f3a1c" not in repr(read.ways)
    assert "pw-5f1c9e" not in repr(read.ways)


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ('[ways.phones]\nkind = "ntfy"\nserver = "https://ntfy.example.org"\n', "ways.phones.topic: is missing"),
        ('[ways.phones]\nkind = "apprise"\nurl = "json://user:pw@x"\n', "must not stand in this file"),
        ('[ways.phones]\nkind = "apprise"\nurl = "env:NTFY_TOKEN"\ntopic = "x"\n', "no such key"),
        ('[ways.mail]\nkind = "apprise"\nurl = "env:NTFY_TOKEN"\n', "Choose another one"),
        ('[ways.chat-x]\nkind = "apprise"\nurl = "env:NTFY_TOKEN"\n', "Choose another one"),
        ('[ways.letters]\nkind = "mail"\n', "Write [ways.mail]"),
        ('[ways.mail]\nkind = "mail"\nsource = "nowhere"\n', "there is no [sources.nowhere]"),
        ('[ways.sms]\nkind = "smoke"\n', "ways.sms.kind"),
        ('[ways.x]\nkind = "apprise"\nurl = "env:NTFY_TOKEN"\nagents = ["eve"]\n', 'there is no agent "eve"'),
    ],
)
def test_what_is_wrong_is_said_with_its_cure(tmp_path: Path, tables: str, said: str) -> None:
    assert said in wrong(tmp_path, tables)
