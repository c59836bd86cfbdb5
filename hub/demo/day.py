"""What happens at the firm: the weeks before, and one day of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hub.demo import mails
from hub.demo.doors import MailServer, PhoneSystem, Twilio
from hub.demo.firm import ADA, BEN, JONAS, KRUEGER, LI_NA, MARTHA, MARTHA_MOBILE, SHOWROOM, STRANGER, WANG


@dataclass(frozen=True, slots=True)
class World:
    """Who speaks to the hub from outside. *ingest* takes in a file of that content, as `hub ingest` does. *says* tells
    the audience what happens (the time of the firm's day, and a line), *passes* lets some seconds pass."""

    twilio: Twilio
    showroom: PhoneSystem
    post: MailServer
    ingest: Callable[[str, str], Awaitable[None]]
    says: Callable[[str, str], None]
    passes: Callable[[float], Awaitable[None]]


async def weeks_before(world: World) -> None:
    """What stands on the timelines when the day begins. It is too old to ring or to alert anybody."""
    now = datetime.now(UTC)
    for mail in mails.before_today(now):
        await world.post.deliver(mail)
    for caller, days, minutes in ((LI_NA, 8.2, 5.2), (MARTHA, 6.1, 24.0), (WANG, 3.0, 2.5), (JONAS, 1.1, 0.0)):
        call, began, talked = world.twilio.call(caller), now - timedelta(days=days), timedelta(minutes=minutes)
        await call.rings(ADA, BEN, at=began)
        if talked:
            await call.answered(ADA, began + timedelta(seconds=8))
            await call.over(ADA, talked, began + timedelta(seconds=8) + talked)
        else:
            await call.given_up(began + timedelta(seconds=25))


async def day(world: World) -> None:
    """The day, in about a minute."""
    for part in (_morning, _noon, _afternoon):
        await part(world)


async def _morning(world: World) -> None:
    post, says, passes = world.post, world.says, world.passes
    says("08:40", "Martha Vogel writes: her mail joins a thread of three. It tells nobody that you read it.")
    await post.deliver(mails.lobby(datetime.now(UTC)))
    await post.deliver(mails.newsletter(datetime.now(UTC)))
    await passes(3)

    says("09:12", "Wang Xiaoming calls. Ada's and Ben's phones ring, so their screens do.")
    wang = world.twilio.call(WANG)
    await wang.rings(ADA, BEN)
    await passes(6)
    says("     ", "Ada picks up: her card becomes the current call, Ben's goes.")
    await wang.answered(ADA)
    await passes(4)
    await wang.over(ADA, timedelta(minutes=4, seconds=12))

    says("09:40", "Li Na answers the offer, in Chinese and with a list.")
    await post.deliver(mails.two_questions(datetime.now(UTC)))
    await passes(2.5)
    says("10:05", "Ada replies from her own mail program; the hub gets a blind copy.")
    await post.deliver(mails.two_answers(datetime.now(UTC)))
    await passes(2.5)


async def _noon(world: World) -> None:
    post, says, passes = world.post, world.says, world.passes
    says("10:20", "Somebody from Hamburg calls whom nobody knows, and gives up: a missed call.")
    stranger = world.twilio.call(STRANGER)
    await stranger.rings(ADA, BEN)
    await passes(5)
    await stranger.given_up()
    says("10:31", "Henrik Dahl writes instead. Make him a contact, with both: his call joins his mail.")
    await post.deliver(mails.reseller(datetime.now(UTC)))
    await passes(3)

    says("11:15", "The showroom's phone rings for Ben: a line that Anna and Peter Krüger share.")
    await world.showroom.tell("1001", "ringing", KRUEGER, SHOWROOM, agent="22")
    await passes(5)
    await world.showroom.tell("1001", "answered", KRUEGER, SHOWROOM, agent="22")
    await passes(2)
    await world.showroom.tell("1001", "ended", KRUEGER, SHOWROOM, duration=95)

    says("12:02", "Ben writes to Jonas Petersen, whose mail server answers for him.")
    await post.deliver(mails.question_for_jonas(datetime.now(UTC)))
    await post.deliver(mails.away(datetime.now(UTC)))
    await passes(2.5)


async def _afternoon(world: World) -> None:
    post, says, passes = world.post, world.says, world.passes
    says("13:10", "Ada takes in her calendar with `hub ingest`: meetings stand on the timelines, too.")
    await world.ingest("calendar.ics", mails.calendar(datetime.now(UTC)))
    await passes(2)
    says("13:30", "Sofia Rossi invites Ada to a meeting; 陳怡君 asks for 120 wall lamps.")
    await post.deliver(mails.visit(datetime.now(UTC)))
    await post.deliver(mails.wall_lamps(datetime.now(UTC)))
    await passes(3)

    says("14:10", "Two phones at once: Li Na calls Ada, and a withheld number the showroom.")
    li_na = world.twilio.call(LI_NA)
    await li_na.rings(ADA)
    await passes(1.5)
    await world.showroom.tell("1002", "ringing", "anonymous", SHOWROOM, agent="ada")
    await passes(4)
    await li_na.answered(ADA)
    await passes(3)
    await world.showroom.tell("1002", "missed", "anonymous", SHOWROOM, agent="ada")
    await li_na.over(ADA, timedelta(minutes=11, seconds=3))

    says("15:05", "Ada calls Jonas Petersen from the showroom: recorded, and no screen rings.")
    await world.showroom.tell("1003", "ringing", "21", JONAS)
    await world.showroom.tell("1003", "answered", "21", JONAS)
    await passes(2)
    await world.showroom.tell("1003", "ended", "21", JONAS, duration=187)

    says("16:00", "Martha Vogel sends an SMS.")
    await world.twilio.text(MARTHA_MOBILE, "I am ten minutes late. M. Vogel")
    await passes(2)
    says("16:20", "Twilio repeats a callback: nothing changes. Then comes one that lacks what its manual promises:")
    await li_na.again()
    await li_na.transcribed("Hello Ada, it is about the two lots.")
    says("     ", "it lies in quarantine, complete, until it can be replayed (Sources).")
    await passes(3)

    says("17:05", "Martha Vogel calls once more; Ben is quicker.")
    martha = world.twilio.call(MARTHA)
    await martha.rings(ADA, BEN)
    await passes(5)
    await martha.answered(BEN)
    await passes(3)
    await martha.over(BEN, timedelta(minutes=2, seconds=40))
