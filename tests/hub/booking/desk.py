"""A firm that tells its invitees: Ada and Ben, a mailbox that sends, and a number that texts. Clocks can be turned."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from icalendar import Calendar

from hub import config
from hub.booking.bookings import Bookings
from hub.booking.feeds import Feeds
from hub.booking.means import Means, Secrets
from hub.booking.notices import Notices
from hub.booking.states import Booked, Invitee
from hub.letters import token
from hub.letters.post import Post
from hub.service import Service
from tests.fakes.diary import Diary
from tests.hub.booking.office import Blind
from tests.hub.letters.firm import QUICK, Firm
from tests.servers.mail import MailSink, Received

MOBILE = """
[sources.mobile]
provider = "texter"
ours = ["tel:+4930123456"]
url = "{texter}"

[booking]
mails_from = "front"
texts_from = "mobile"
company = "Example Ltd"
"""

TOML = """
[hub]
public_url = "https://hub.example.org"
store = "{store}"
region = "DE"
timezone = "Europe/Berlin"
languages = ["en", "zh-Hans", "zh-Hant"]

[agents.ada]
name = "Ada"
handles = ["{ada}"]

[agents.ben]
name = "Ben"

[sources.front]
provider = "imap"
ours = ["{front}"]
host = "127.0.0.1"
security = "none"
username = "front"
password = "env:PASSWORD"
smtp_host = "127.0.0.1"
smtp_port = {smtp_port}
smtp_security = "none"
smtp_auth = "none"
save_sent = "no"
from_name = "{agent} at Example"

[sources.ada-diary]
provider = "caldav"
agents = ["ada"]
url = "http://127.0.0.1:1/ada/"
username = "ada"
password = "env:PASSWORD"

[event_types.intro]
title = "Introduction"
hosts = ["ada"]
notice = 0
follow_up = 60
place = { kind = "video", value = "https://meet.example/{uid}" }
reminders = [{ minutes = 1440 }, { minutes = 60, way = "sms" }, { minutes = 30 }]

[event_types.careful]
title = "Consultation"
hosts = ["ada"]
notice = 0
approval = true

[event_types.course]
title = "Course"
hosts = ["ada"]
seats = 3
notice = 0
reminders = []
"""

LI_NA = Invitee(name="Li Na", mail="li.na@customer.example", phone="0170 1234567")
EVE = Invitee(name="Eve", mail="eve@customer.example", phone="0171 7654321")


@dataclass
class Desk:
    """The hub. *now* is what its notices take for the time; nothing is told until `tell`."""

    firm: Firm
    bookings: Bookings
    diary: Diary
    post: Post
    sink: MailSink
    notices: Notices = field(init=False)
    now: datetime | None = None

    def __post_init__(self) -> None:
        self.notices = self.keeper()

    @property
    def service(self) -> Service:
        return self.firm.service

    @property
    def means(self) -> Means:
        return self.bookings.means

    @property
    def feeds(self) -> Feeds:
        return Feeds(self.means)

    def keeper(self, means: Means | None = None) -> Notices:
        """Who tells; there may be several."""
        clock = lambda: self.now or datetime.now(UTC)  # noqa: E731
        return Notices(means or self.means, self.post.dispatch, self.post.look, clock)

    async def book(
        self, starts_at: datetime, slug: str = "intro", invitee: Invitee = LI_NA, language: str = "en", **more: Any
    ) -> tuple[str, Booked]:
        """Somebody books: the secret, and what came of it."""
        held = await self.bookings.hold(slug, starts_at, 30, zone="Europe/Berlin", language=language, **more)
        return held.secret, await self.bookings.confirm(held.secret, invitee)

    async def tell(self, mails: int) -> list[Received]:
        """So many mails leave, no more are to: what arrived, those to hosts last."""
        before = len(self.sink.taken)
        await self.notices.once()
        await self.left()
        arrived = self.sink.taken[before:]
        assert len(arrived) == mails, [str(each.message["Subject"]) for each in arrived]
        return sorted(arrived, key=lambda each: each.recipients == ("ada@example.org",))

    async def left(self) -> None:
        """Return when every letter has left."""
        for (letter_id,) in await self.firm.rows("SELECT id FROM letters ORDER BY id"):
            await self.firm.settled(letter_id)

    async def notices_of(self, *columns: str) -> list[tuple[Any, ...]]:
        """What there is to tell, in the order of time."""
        said = ", ".join(columns)
        return await self.firm.rows(f"SELECT {said} FROM booking_notices ORDER BY due_at, kind, way, recipient")


@asynccontextmanager
async def open_desk(
    store_url: str, folder: Path, sink: MailSink, texter: str = "", *, smtp_port: int = 0, domain: str = ""
) -> AsyncIterator[Desk]:
    """The desk on *store_url*, whose couriers run. *texter* is the address of who sends its texts; at *domain* of a
    real server its people are alice (Ada) and front."""
    path = folder / "config.toml"
    path.write_text(table(store_url, smtp_port or sink.port, texter, domain))
    async with AsyncExitStack() as stack:
        read = config.load(path, {"PASSWORD": "pw-5f1c9e"})
        assert not read.problems, read.problems
        service = await stack.enter_async_context(Service.open(read))
        key = await service.store.write(token.key)
        names = ("front", "mobile") if texter else ("front",)
        senders = {name: sender for name in names if (sender := read.plugins(name).sender) is not None}
        firm = Firm(service, token.Tokens(key), senders)
        diary = Diary()
        means = replace(
            service.bookings.means,
            slots=Blind({slug: (tuple(spec.hosts),) for slug, spec in read.booking.types.items()}),
            ways={"ada-diary": diary},
            secrets=Secrets(key),
        )
        post = await stack.enter_async_context(firm.post(pace=QUICK))
        yield Desk(firm, Bookings(means), diary, post, sink)


def table(store_url: str, smtp_port: int, texter: str = "", domain: str = "") -> str:
    """The desk's config file."""
    ada, front = (f"alice@{domain}", f"front@{domain}") if domain else ("ada@example.org", "bookings@example.org")
    filled = TOML + (MOBILE if texter else "")
    for name, value in (
        ("store", store_url), ("smtp_port", str(smtp_port)), ("texter", texter),
        ("ada", f"mailto:{ada}"), ("front", f"mailto:{front}"),
    ):  # fmt: skip
        filled = filled.replace(f"{{{name}}}", value)
    return filled


def invitation(mail: Received) -> tuple[Calendar, str]:
    """The calendar beside a mail's text, and the `method` parameter of its part. The file is the same."""
    (part,) = [each for each in mail.message.walk() if each.get_content_type() == "text/calendar"]
    (file,) = [each for each in mail.message.iter_attachments() if each.get_content_type() == "application/ics"]
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    assert file.get_payload(decode=True) == data
    assert file.get_filename() == "invite.ics"
    assert part.get_content_charset() == "utf-8"
    return Calendar.from_ical(data), str(part.get_param("method"))


def day(days: int = 3, hour: int = 9, minute: int = 0) -> datetime:
    """That time of day in some *days*, UTC."""
    at = datetime.now(UTC).replace(hour=hour, minute=minute, second=0, microsecond=0)
    return at + timedelta(days=days)
