"""The keys of a `[sources.<name>]` table with `provider = "reddit"`."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

import hub

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{2,32}$")]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+$")]


class RedditSettings(hub.Settings):
    """What is heard, and as whom.

    *client_id* and *client_secret* are the app's, *username* the account that answers for it (Reddit wants it in every
    request). *subreddits* are heard whole, posts and comments; of *searches*, which Reddit does for posts only, the
    results. With the account's *refresh_token* what names it is heard, too, and answers can be written. What was told
    is looked at again every *recheck_minutes* for two days, because what is deleted on Reddit must go here.
    """

    client_id: Annotated[str, StringConstraints(min_length=1)]
    client_secret: SecretStr
    username: Name
    refresh_token: SecretStr | None = None
    subreddits: Annotated[tuple[Name, ...], Field(max_length=100)] = ()
    searches: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    poll_seconds: Annotated[float, Field(gt=0, le=3600)] = 60
    recheck_minutes: Annotated[float, Field(gt=0, le=1440)] = 60
    api_url: Address = "https://oauth.reddit.com"
    login_url: Address = "https://www.reddit.com"

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if not self.subreddits and not self.searches and self.refresh_token is None:
            raise ValueError("names nothing to hear: write subreddits, searches or a refresh_token")
        return self
