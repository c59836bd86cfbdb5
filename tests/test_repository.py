from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
ALLOWED_AT_THE_TOP = {
    ".ci",
    ".editorconfig",
    ".gitattributes",
    ".gitignore",
    ".npmrc",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "adapters",
    "config.toml",
    "connectors",
    "docs",
    "hub",
    "package-lock.json",
    "package.json",
    "pyproject.toml",
    "requirements-dev.txt",
    "requirements.txt",
    "tests",
    "webhooks",
}
# Which index or mirror a machine installs from is its owner's business. (Split, so as not to find themselves.)
INDEX_HOSTS = re.compile(
    rb"pypi\." rb"org|pythonhosted\." rb"org|registry\.npm" rb"js|registry\.yarn" rb"pkg|deb\.debian\." rb"org",
    re.IGNORECASE,
)
# A folder of somebody's machine: it exists nowhere else. What programs install, such as /usr/bin, is everywhere.
MACHINE_PATHS = re.compile(rb"(?<![\w.}/-])/(?:work|tmp|root|home|Users)/[\w.{-]")


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    # A file that is deleted but not committed yet is still listed.
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def _found(pattern: re.Pattern[bytes]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}: {match.group().decode()}"
        for path in _tracked()
        for match in pattern.finditer(path.read_bytes())
    ]


def test_no_file_names_a_package_index() -> None:
    assert _found(INDEX_HOSTS) == []


def test_no_file_names_a_folder_of_one_machine() -> None:
    assert _found(MACHINE_PATHS) == []


def test_what_is_looked_for_would_be_found() -> None:
    assert INDEX_HOSTS.search(b"https://files.python" + b"hosted.org/packages/")
    assert MACHINE_PATHS.search(b'path = "/home' + b'/ada/hub"')
    assert not MACHINE_PATHS.search(b"{folder}/home/%u https://example.org/work/hours /usr/bin/chromium")


def test_nothing_lies_at_the_top_that_does_not_belong_there() -> None:
    top = {path.relative_to(ROOT).parts[0] for path in _tracked()}
    assert top - ALLOWED_AT_THE_TOP == set()


def test_locks_pin_every_package_by_hash() -> None:
    for lock in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / lock).read_text()
        requirements = re.split(r"\n(?=\S)", text.strip())
        assert requirements
        assert [line for line in requirements if not re.match(r"\S+==\S+( ; [^\\]+)? \\\n +--hash=sha256:", line)] == []


def test_the_developers_lock_holds_what_the_deployed_one_pins() -> None:
    def pins(lock: str) -> set[str]:
        return set(re.findall(r"^\S+==\S+", (ROOT / lock).read_text(), re.MULTILINE))

    assert pins("requirements.txt") <= pins("requirements-dev.txt")
