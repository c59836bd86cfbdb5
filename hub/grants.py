"""What somebody permitted the hub at an OAuth provider, kept encrypted and renewed in time."""

from __future__ import annotations

from hub.contracts import Rejected


class Grants:
    """The grants of all sources."""

    async def access_token(self, source: str) -> str:
        """The access token of *source*. Raises `Rejected` where nobody connected it."""
        raise Rejected(f"nobody has connected {source} yet; an administrator does so on its page under Sources")
