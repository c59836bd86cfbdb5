"""Reminders that somebody sets for herself, from anything on a timeline."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, StringConstraints

from hub.alerts.desk import Refused
from hub.alerts.reminders import LONGEST
from hub.crm.records import Unknown
from hub.privacy.visibility import Scope
from hub.web.access import Visitor
from hub.web.api.alerts import refused
from hub.web.api.endpoint import Endpoints, Id, Moment, Shape, answer, missing
from hub.web.keys import SERVICE

endpoints = Endpoints()


class ReminderIn(Shape):
    """What the agent who asks wants to be reminded of, and when. Only she reads the `note`."""

    interaction: Id
    due_at: Moment
    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST)] = ""


class Reminder(BaseModel):
    """A reminder that was set."""

    id: str


@endpoints.add("POST", "/api/v1/reminders", returns=Reminder, scope=Scope.WRITE, status=201)
async def remind(request: web.Request, visitor: Visitor, body: ReminderIn) -> web.Response:
    """Set a reminder: an alert when it is due. It goes with the interaction where that is deleted."""
    desk = request.app[SERVICE].alerts
    try:
        number = await desk.remind(visitor.actor, int(body.interaction), body.due_at, body.note)
    except Unknown as error:
        raise missing(f"There is no {error}.") from error
    except Refused as error:
        raise refused(error) from error
    return answer(Reminder(id=str(number)), 201)
