"""Asterisk's REST interface (ARI): https://docs.asterisk.org/Configuration/Interfaces/Asterisk-REST-Interface-ARI/"""

from __future__ import annotations

from connectors.asterisk.settings import AsteriskSettings
from hub.http import Answer, Client


def rest(settings: AsteriskSettings) -> Client:
    """A client of the interface that *settings* name."""
    password = settings.ari_password.get_secret_value() if settings.ari_password else ""
    return Client(
        settings.ari_url,
        user=settings.ari_username,
        password=password,
        cure="ari_username and ari_password against ari.conf, and that the user is not read_only",
        words=_words,
    )


def _words(answer: Answer) -> str:
    """What Asterisk says of an error."""
    if answer.media_type != "application/json":
        return ""
    said = answer.json()
    return str(said.get("message") or said.get("error") or "") if isinstance(said, dict) else ""
