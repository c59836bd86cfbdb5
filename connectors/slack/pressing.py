"""What people press below the alerts that we tell them."""

from __future__ import annotations

from typing import Any

import hub
from connectors.slack.payloads import Interaction, at, read
from connectors.slack.settings import SlackSettings

PRESS = "hub-press"
"""How the actions are called that are for us; the others open addresses."""


def pressed(said: Any, settings: SlackSettings) -> tuple[hub.Pressed, ...]:
    """What *said*, an interaction payload, means; nothing for buttons that are not ours to hear. Raises
    `hub.Unsupported`."""
    interaction = read(Interaction, said)
    if interaction.type != "block_actions" or interaction.user is None:
        raise hub.Unsupported("The hub has buttons in Slack, and no dialogs or shortcuts.")
    team = interaction.user.team_id or str((interaction.team or {}).get("id") or settings.workspace)
    return tuple(
        hub.Pressed(each.value or "", f"slack:{team}/{interaction.user.id}", at(each.action_ts))
        for each in interaction.actions
        if each.action_id.startswith(PRESS)
    )
