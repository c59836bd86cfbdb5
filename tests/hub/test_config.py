"""The config file: what it becomes, and what people read when it is wrong."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from hub.config import Config, ConfigError, load
from hub.vocabulary import Agent
from tests.hub.third_party import ACME, ACME_WEBHOOK, install

FRAME = """
    [hub]
    region = "DE"
    timezone = "Europe/Berlin"

    [agents.ada]
    name = "Ada"
    handles = ["Ada@Example.org", "030 123451"]
    extensions = ["pbx/21"]

    [sources.pbx]
    provider = "config_acme"
    ours = ["tel:030 123456", "mailto:Info@Bücher.example", "slack:T1/U2"]
    rings = ["ada"]
    host = "acme.example.org"
    password = "env:ACME_PASSWORD"
    signing_key = "file:keys/acme"
    """


@pytest.fixture(autouse=True)
def plugins(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third party's provider with a connector and a webhook, whose settings differ."""
    points = """
        [hub.connectors]
        config_acme = config_acme
        config_torn = config_torn
        [hub.webhooks]
        config_acme = config_acme_webhook
        """
    install(
        tmp_path_factory.mktemp("third-party"),
        monkeypatch,
        points,
        config_acme=ACME,
        config_acme_webhook=ACME_WEBHOOK,
        config_torn="raise RuntimeError('no licence key')",
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the config file lies, with a secret beside it."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "acme").write_text("fernweh-17\n")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(dedent(text), "utf-8")
    return path


def read(folder: Path, text: str, **environ: str) -> Config:
    return load(write(folder, text), {"ACME_PASSWORD": "hunter22", **environ})


def refused(folder: Path, text: str, **environ: str) -> list[str]:
    """What people read when the start is refused: one line for each problem, without the file's folder."""
    with pytest.raises(ConfigError) as error:
        read(folder, text, **environ)
    return [line.replace(f"{folder}/", "") for line in str(error.value).splitlines()]


def left_out(folder: Path, text: str, **environ: str) -> list[str]:
    """What people read about sources that are left out."""
    return [str(problem) for problem in read(folder, text, **environ).problems]


# --- what it becomes ------------------------------------------------------------------------------------------------


def test_an_empty_file_is_a_hub_on_loopback(folder: Path) -> None:
    config = read(folder, "")

    assert config.address == ("127.0.0.1", 8080)
    assert config.public_url == "http://127.0.0.1:8080"
    assert config.store_path == folder / "data" / "hub.sqlite3"
    assert (config.redis, config.region, config.timezone) == ("", "", "UTC")
    assert config.languages == ("en", "zh-Hans", "zh-Hant")
    assert (dict(config.sources), dict(config.agents), config.problems) == ({}, {}, ())


def test_addresses_become_handles(folder: Path) -> None:
    config = read(folder, FRAME)

    assert config.agents["ada"] == Agent("ada", "Ada", ("mailto:ada@example.org", "tel:+4930123451"), ("pbx/21",))
    assert config.sources["pbx"].ours == ("tel:+4930123456", "mailto:info@xn--bcher-kva.example", "slack:T1/U2")
    assert config.sources["pbx"].rings == ("ada",)


def test_each_plugin_gets_its_own_settings_and_the_setup(folder: Path) -> None:
    config = read(folder, FRAME.replace("[hub]", '[hub]\npublic_url = "https://hub.example.org/"'))

    plugins = config.plugins("pbx")

    assert plugins.door is None
    assert plugins.connector.settings.host == "acme.example.org"
    assert plugins.connector.settings.password.get_secret_value() == "hunter22"
    assert plugins.webhook.settings.signing_key.get_secret_value() == "fernweh-17"
    setup = plugins.webhook.setup
    assert setup.name == "pbx"
    assert setup.region == "DE"
    assert setup.webhook_url == "https://hub.example.org/webhooks/pbx"
    assert [agent.id for agent in setup.agents] == ["ada"]


def test_secrets_are_found_however_deep(folder: Path) -> None:
    more = """
        servers = [{name = "a", key = "env:KEY_A"}, {name = "b"}]
        keys = {x = "file:keys/acme"}
        """
    config = read(folder, dedent(FRAME) + dedent(more), KEY_A="sesam-öffne")

    settings = config.plugins("pbx").connector.settings

    assert settings.servers[0].key.get_secret_value() == "sesam-öffne"
    assert settings.servers[1].key is None
    assert settings.keys["x"].get_secret_value() == "fernweh-17"
    assert config.secrets == {"sesam-öffne", "fernweh-17", "hunter22"}


def test_no_secret_is_in_its_representation(folder: Path) -> None:
    config = read(folder, FRAME.replace("[hub]", '[hub]\nstore = "env:STORE"'), STORE="postgresql://hub:pw-7431@db/hub")

    assert config.store == "postgresql://hub:pw-7431@db/hub"
    assert config.store_path is None
    for secret in ("hunter22", "fernweh-17", "pw-7431"):
        assert secret not in repr(config)


def test_a_shared_line_may_be_an_agents_and_a_sources(folder: Path) -> None:
    config = read(folder, FRAME.replace('"030 123451"', '"030 123456"'))

    assert config.agents["ada"].handles[1] == config.sources["pbx"].ours[0]


def test_privacy_rules_are_handles_and_domains(folder: Path) -> None:
    config = read(
        folder,
        '[hub]\nregion = "DE"\n[privacy]\nnever_log = ["mailto:Ada@Example.org", "Bücher.Example", "030 123456"]',
    )

    assert config.privacy.never_log == ("mailto:ada@example.org", "xn--bcher-kva.example", "tel:+4930123456")


# --- what is wrong with the frame stops the start -------------------------------------------------------------------


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere.toml: there is no such file. .* --config PATH"):
        load(tmp_path / "nowhere.toml")


def test_invalid_toml_names_line_and_column(folder: Path) -> None:
    (line,) = refused(folder, '[hub]\nlisten = "127.0.0.1:80\n')

    assert line.startswith("config.toml: is not valid TOML: ")
    assert "(at line 2, column 23)" in line


def test_an_unknown_key_names_the_nearest(folder: Path) -> None:
    assert refused(folder, '[hub]\nlisen = "127.0.0.1:80"\n[surces.x]\n') == [
        'config.toml: surces: unknown table. Did you mean "sources"?',
        'config.toml: hub.lisen: unknown key. Did you mean "listen"?',
    ]


def test_an_unknown_key_that_is_near_to_none_lists_them(folder: Path) -> None:
    assert refused(folder, '[agents.ada]\nname = "Ada"\n"e mail" = "x"') == [
        'config.toml: agents.ada."e mail": unknown key. Known are: extensions, handles, hours, languages, name, '
        "skills, stand_in."
    ]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ('listen = "8080"', '"8080" is no address to listen on. Write one such as "127.0.0.1:8080".'),
        ('listen = "127.0.0.1:99999"', '"127.0.0.1:99999" is no address to listen on. Write one such as "127.0.0.1:80'),
        ("listen = 8080", "should be a valid string."),
        ('public_url = "hub.example.org"', '"hub.example.org" is no public URL. Write one such as "https://hub.exam'),
        ('public_url = "https://[x"', '"https://[x" is no public URL. Write one such as "https://hub.example.org".'),
        ('store = "mysql://db/hub"', 'must be "sqlite:///PATH" or "postgresql://USER@HOST/DATABASE".'),
        ('store = "sqlite:///:memory:"', 'must be "sqlite:///PATH" or "postgresql://USER@HOST/DATABASE".'),
        (
            'store = "postgresql://hub:pw@db/hub"',
            "a password must not stand in this file. Put the whole URL into an en",
        ),
        ('store = "env:NO_STORE"', 'environment variable NO_STORE is not set. Set it, or use "file:PATH".'),
        ('redis = "localhost"', 'must be "redis://HOST:6379/0", or "" for none.'),
        ('region = "Germany"', '"Germany" is no country. Write two capital letters such as "DE".'),
        ('timezone = "Berlin"', 'there is no time zone "Berlin". Write one such as "Europe/Berlin".'),
        ('timezone = "Europe/Berln"', 'there is no time zone "Europe/Berln". Write one such as "Europe/Berlin".'),
    ],
)
def test_a_wrong_value_says_what_is_right(folder: Path, key: str, message: str) -> None:
    (line,) = refused(folder, f"[hub]\n{key}")

    assert line.startswith(f"config.toml: hub.{key.partition(' ')[0]}: {message}")


def test_a_wrong_item_of_a_list_names_its_place(folder: Path) -> None:
    text = """
        [hub]
        languages = ["en", "fr"]
        [privacy]
        never_log = ["not a domain"]
        [agents.ada]
        name = "Ada"
        handles = ["mailto:ada@example.org", "tel:12"]
        """
    assert refused(folder, text) == [
        'config.toml: agents.ada.handles[1]: "tel:12" is no address. Write it as "tel:+4930123456" or '
        '"mailto:ada@example.org".',
        'config.toml: hub.languages[1]: the hub does not speak "fr". It speaks en, zh-Hans, zh-Hant.',
        'config.toml: privacy.never_log[0]: "not a domain" is neither an address ("mailto:…", "tel:…") nor a domain '
        '("example.org").',
    ]


def test_one_handle_belongs_to_one_agent(folder: Path) -> None:
    text = """
        [hub]
        region = "DE"
        [agents.ada]
        name = "Ada"
        handles = ["tel:+4930123451"]
        [agents.bob]
        name = "Bob"
        handles = ["030 123451"]
        """
    assert refused(folder, text) == [
        "config.toml: agents.bob.handles[0]: tel:+4930123451 is ada's already. Give it to one of them; a shared line "
        'stands in its source\'s "ours", with "rings".'
    ]


def test_an_extension_names_a_source(folder: Path) -> None:
    assert refused(folder, FRAME.replace("pbx/21", "pxb/21")) == [
        'config.toml: agents.ada.extensions[0]: "pxb/21" names no phone of a source. Did you mean "pbx/21"?'
    ]


def test_names_stand_in_urls(folder: Path) -> None:
    (line,) = refused(folder, '[agents."a b"]\nname = "x"')

    assert line.startswith('config.toml: agents."a b": a name has only letters without accents, digits, - and _')


def test_a_plugin_that_cannot_be_imported_stops_the_start(folder: Path) -> None:
    assert refused(folder, '[sources.x]\nprovider = "config_torn"') == [
        "config.toml: sources.x.provider: The plug-in config_torn cannot be imported: RuntimeError: no licence key"
    ]


def test_an_unknown_adapter_stops_the_start(folder: Path) -> None:
    (line,) = refused(folder, '[crm.main]\nadapter = "abacus"')

    assert line.startswith('config.toml: crm.main.adapter: There is no adapter "abacus". There are: ')


# --- what is wrong with a source leaves that one out ----------------------------------------------------------------


def test_a_source_that_is_wrong_is_left_out_and_the_others_go_on(folder: Path) -> None:
    text = dedent(FRAME) + dedent("""
        [sources.other]
        provider = "config_acme"
        password = "env:OTHER_PASSWORD"
        signing_key = "hunter22-literal"
        prot = 1
        port = 70000
        """)
    config = read(folder, text)

    assert list(config.sources) == ["pbx"]
    assert {problem.source for problem in config.problems} == {"other"}
    assert [str(problem) for problem in config.problems] == [
        'sources.other.prot: unknown key. Did you mean "port"?',
        'sources.other.password: environment variable OTHER_PASSWORD is not set. Set it, or use "file:PATH".',
        'sources.other.host: is missing. Write the server\'s name: host = "acme.example.org".',
        "sources.other.port: should be less than or equal to 65535.",
        'sources.other.signing_key: a secret must not stand in this file. Write "env:NAME" for an environment '
        'variable, or "file:PATH".',
    ]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("env:ACME_PASSWORD", "environment variable ACME_PASSWORD is empty. Put the secret into it."),
        ("env:two words", '"env:two words" names no environment variable. Write "env:NAME".'),
        ("file:keys/none", "there is no file {folder}/keys/none. Make it, or correct the path."),
        ("file:keys", "{folder}/keys cannot be read: Is a directory. Let the hub's user read it."),
        ("file:keys/empty", "{folder}/keys/empty is empty. Put the secret into it."),
        ("file:keys/binary", "{folder}/keys/binary is not UTF-8 text. Put the secret into it as text."),
        ("file:keys/manual", "file:keys/manual holds an example from a manual, not a secret. Make one of your own."),
    ],
)
def test_a_secret_that_cannot_be_had_says_why(folder: Path, written: str, message: str) -> None:
    (folder / "keys" / "empty").write_text("\n")
    (folder / "keys" / "binary").write_bytes(b"\xff\xfe\x00")
    (folder / "keys" / "manual").write_text("ChangeMe\n")

    problems = left_out(folder, FRAME.replace("env:ACME_PASSWORD", written), ACME_PASSWORD="")

    assert problems == [f"sources.pbx.password: {message.format(folder=folder)}"]


def test_a_wrong_secret_is_never_repeated(folder: Path) -> None:
    problems = left_out(folder, FRAME, ACME_PASSWORD="x9")

    assert problems == ["sources.pbx.password: Value should have at least 3 items after validation, not 2."]


def test_an_unknown_provider_names_the_nearest(folder: Path) -> None:
    assert left_out(folder, '[sources.mail]\nprovider = "impa"') == [
        'sources.mail.provider: There is no provider "impa". Did you mean "imap"?'
    ]


def test_a_source_that_rings_nobody_known_is_left_out(folder: Path) -> None:
    assert left_out(folder, FRAME.replace('rings = ["ada"]', 'rings = ["ada", "adda"]')) == [
        'sources.pbx.rings[1]: there is no agent "adda". Did you mean "ada"?'
    ]


def test_an_unknown_key_inside_a_table_of_a_plugin(folder: Path) -> None:
    more = 'servers = [{name = "a", kay = "env:ACME_PASSWORD"}]\n'

    assert left_out(folder, dedent(FRAME) + more) == ['sources.pbx.servers[0].kay: unknown key. Did you mean "key"?']
