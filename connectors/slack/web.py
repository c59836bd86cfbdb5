"""Asking Slack's Web API with slack-sdk, each time once, with errors as verdicts (https://docs.slack.dev/apis/web-api)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

import hub
from connectors.slack.settings import SlackSettings

SECONDS = 20.0
CONNECT_SECONDS = 10.0

_REJECTED = frozenset(
    {
        *("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope"),
        *("no_permission", "not_allowed_token_type", "access_denied", "team_access_not_granted", "ekm_access_denied"),
        *(
            "org_login_required",
            "two_factor_setup_required",
            "accesslimited",
            "forbidden_team",
            "app_missing_action_url",
        ),
    }
)
_BUSY = frozenset({"ratelimited", "rate_limited", "service_unavailable", "team_added_to_org", "request_timeout"})
# https://docs.slack.dev/reference/methods/chat.postMessage: "some aspect of the operation" may have succeeded.
_PERHAPS = frozenset({"fatal_error", "internal_error"})


class Refused(hub.Unsupported):
    """Slack does not take this one. *error* is its word for why."""

    def __init__(self, method: str, error: str) -> None:
        super().__init__(f"Slack refuses {method}: {error}")
        self.error = error


class Web:
    """The methods of the API at *settings.api_url*. Connections are kept for the next question until `close`, if *keep*
    says so; a socket of Socket Mode is in any case."""

    def __init__(self, settings: SlackSettings, *, keep: bool = True) -> None:
        self._keep = keep
        self._settings = settings
        self._host = urlsplit(settings.api_url).hostname or settings.api_url
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """What the connections belong to."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=SECONDS, sock_connect=CONNECT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(force_close=not self._keep),
            )
        return self._session

    async def ask(
        self, method: str, *, app: bool = False, changes: bool = False, **parameters: Any
    ) -> Mapping[str, Any]:
        """The answer of *method*; *app*: with the app's own token. *changes*: it says or alters something, so that
        `TimeoutError` is raised where no answer tells whether it happened. Raises `Rejected`, `Unavailable` and
        `Refused`."""
        token = self._token(app)
        # No second try: whoever calls knows whether one may be made.
        client = AsyncWebClient(token, f"{self._settings.api_url}/", session=self.session, retry_handlers=[])
        form = {name: _field(value) for name, value in parameters.items() if value is not None}
        try:
            answer = await client.api_call(method, data=form)
        except SlackApiError as error:
            raise self._verdict(method, error, changes=changes) from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise hub.Unavailable(f"{self._host} cannot be reached") from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            said = f"{self._host} gave no answer to {method} ({type(error).__name__})"
            raise (TimeoutError(said) if changes else hub.Unavailable(said)) from None
        if not isinstance(answer.data, dict):
            raise hub.Unavailable(f"{self._host} answers {method} with what is not JSON")
        return answer.data

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _token(self, app: bool) -> str:
        token: SecretStr | None = self._settings.app_token if app else self._settings.bot_token
        if token is None:
            raise hub.Misconfigured(f"{'app_token' if app else 'bot_token'} is not set")
        return token.get_secret_value()

    def _verdict(self, method: str, failed: SlackApiError, *, changes: bool) -> hub.Verdict | TimeoutError:
        answer = failed.response
        if not isinstance(answer, AsyncSlackResponse):
            said = f"{self._host} answers {method} with what is not JSON"
            return TimeoutError(said) if changes else hub.Unavailable(said)
        data = answer.data if isinstance(answer.data, dict) else {}
        error = str(data.get("error") or "")
        if answer.status_code == 429 or error in _BUSY:
            wait = str(answer.headers.get("Retry-After", ""))
            return hub.Unavailable(
                f"Slack is asked too often or is busy ({error or 429})",
                min(float(wait), 86_400.0) if wait.isascii() and wait.isdigit() else None,
            )
        if error in _REJECTED:
            needed = f"; the app needs the scope {data['needed']}" if isinstance(data.get("needed"), str) else ""
            return hub.Rejected(f"Slack refuses {method}: {error}{needed}; check the tokens of this source")
        if error in _PERHAPS or (not error and answer.status_code >= 500):
            said = f"{self._host} answers {method} with {error or answer.status_code}"
            return TimeoutError(said) if changes else hub.Unavailable(said)
        return Refused(method, error or f"HTTP {answer.status_code}")


def _field(value: Any) -> str:
    """How the API takes a value in a form."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
