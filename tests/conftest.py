"""The real servers that any test may ask for by the name of a fixture."""

pytest_plugins = [
    "tests.servers.asterisk",
    "tests.servers.chromium",
    "tests.servers.dovecot",
    "tests.servers.mail",
    "tests.servers.phones",
    "tests.servers.postfix",
    "tests.servers.postgresql",
    "tests.servers.redis",
]
