"""One suite per contract: a plug-in passes it by a subclass that says what the suite cannot know."""

import pytest

# The suites are imported, not collected; without this a failing assert in them would not say why.
pytest.register_assert_rewrite(
    "tests.contracts.adapter", "tests.contracts.connector", "tests.contracts.door", "tests.contracts.webhook"
)
