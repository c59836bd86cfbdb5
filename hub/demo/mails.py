"""The firm's mails, as mail programs write them: HTML, quotes, attachments, Chinese, an invitation, an absence note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

ADA = Address("Ada Brandt", "ada", "lumen.example")
BEN = Address("Ben Okafor", "ben", "lumen.example")
SALES = Address("Lumen", "sales", "lumen.example")
LI_NA = Address("李娜", "li.na", "guangpu.example")
WANG = Address("Wang Xiaoming", "wang", "brightway.example")
MARTHA = Address("Martha Vogel", "m.vogel", "vogel.example")
JONAS = Address("Jonas Petersen", "jp", "kontor-nord.example")
SOFIA = Address("Sofia Rossi", "sofia", "rossi.example")
YICHUN = Address("陳怡君", "yichun", "taipei-design.example")
HENRIK = Address("Henrik Dahl", "henrik", "dahl-lys.example")
FAIR = Address("Light Fair", "news", "lightfair.example")


@dataclass(frozen=True, slots=True)
class File:
    """An attachment."""

    name: str
    media_type: str
    data: bytes


def mail(
    ident: str,
    sender: Address,
    to: Address,
    subject: str,
    text: str,
    at: datetime,
    *,
    after: Sequence[str] = (),
    html: str = "",
    files: Sequence[File] = (),
    **headers: str,
) -> EmailMessage:
    """A mail with the Message-ID `<ident@…>`, an answer to those of *after* (oldest first)."""
    message = EmailMessage()
    message["Message-ID"] = f"<{ident}@post.example>"
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Date"] = format_datetime(at)
    if after:
        message["References"] = " ".join(f"<{each}@post.example>" for each in after)
        message["In-Reply-To"] = f"<{after[-1]}@post.example>"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    for file in files:
        main, _, sub = file.media_type.partition("/")
        message.add_attachment(file.data, maintype=main, subtype=sub, filename=file.name)
    return message


def before_today(now: datetime) -> list[EmailMessage]:
    """What was written in the weeks before *now*, oldest first."""

    def ago(days: float) -> datetime:
        return now - timedelta(days=days)

    return [
        mail(
            "samples", LI_NA, SALES, "样品订单 / Sample order",
            "您好，请寄 40 个样品到深圳。\n\nPlease send 40 samples to Shenzhen.\n\n李娜", ago(26),
        ),
        mail(
            "offer-1", LI_NA, SALES, "Offer for 200 pendant lamps",
            "Dear Lumen team,\n\ncould you send us an offer for 200 pendant lamps, 3000 K?\n请同时告知交货期。\n\n李娜",
            ago(9),
        ),
        mail(
            "offer-2", ADA, LI_NA, "Re: Offer for 200 pendant lamps",
            "Dear Ms Li,\n\nwith pleasure. Which finish, brass or black?\n\nAda", ago(8.6), after=["offer-1"],
        ),
        mail(
            "offer-3", LI_NA, ADA, "Re: Offer for 200 pendant lamps", "Brass, please.\n\n李娜", ago(7.8),
            after=["offer-1", "offer-2"],
        ),
        mail(
            "offer-4", ADA, LI_NA, "Re: Offer for 200 pendant lamps",
            "Dear Ms Li,\n\nhere is our offer: 200 pieces at € 243.00 each, delivery within six weeks.\n\n"
            "Best regards\nAda\n\n-- \nAda Brandt\nLumen GmbH, Berlin",
            ago(2), after=["offer-1", "offer-2", "offer-3"], files=[PRICES],
        ),
        mail(
            "lobby-1", MARTHA, ADA, "Haus am Kanal: lobby",
            "Dear Ada,\n\nthe client likes the second variant. Could we see it once more on Tuesday?\n\nMartha", ago(5),
        ),
        mail(
            "lobby-2", ADA, MARTHA, "Re: Haus am Kanal: lobby", "Tuesday 14:00 is fine. I bring both samples.\n\nAda",
            ago(4.8), after=["lobby-1"],
        ),
        mail(
            "flicker-1", JONAS, SALES, "Flicker in meeting room 2",
            "Hello,\n\nsince yesterday the lamps in meeting room 2 flicker below 20 %.\n\nJonas Petersen", ago(1.2),
        ),
        mail(
            "broken", WANG, SALES, "Broken samples",
            "Hello Ada,\n\ntwo of the 40 samples arrived broken, photos follow. Shall I call you tomorrow?\n\nXiaoming",
            ago(0.9),
        ),
    ]  # fmt: skip


def lobby(at: datetime) -> EmailMessage:
    """Martha goes on with her thread, in HTML and above a quote."""
    text = (
        "The client signed this morning. Please send the order confirmation to me and the invoice to the developer.\n\n"
        "Martha\n\nOn Tuesday Ada Brandt wrote:\n> Tuesday 14:00 is fine. I bring both samples.\n"
    )
    html = (
        "<p>The client <b>signed this morning</b>. Please send</p><ul><li>the order confirmation to me,</li>"
        "<li>the invoice to the developer.</li></ul><p>Martha</p>"
        '<img src="https://tracker.example/open.gif" width="1" height="1">'
        '<div class="gmail_quote"><div>On Tuesday Ada Brandt wrote:</div>'
        "<blockquote><p>Tuesday 14:00 is fine. I bring both samples.</p></blockquote></div>"
    )
    return mail(
        "lobby-3", MARTHA, ADA, "Re: Haus am Kanal: lobby", text, at, after=["lobby-1", "lobby-2"], html=html,
        files=[File("Invoice address.txt", "text/plain", b"Kanal Projekt GmbH\nUferstrasse 12\n10115 Berlin\n")],
    )  # fmt: skip


def two_questions(at: datetime) -> EmailMessage:
    """Li Na answers the offer in her language."""
    text = (
        "Ada 你好：\n\n200 件的价格可以。签合同之前还有两个问题：\n"
        "能否分两批交货？3000 K 的驱动器支持 DALI 调光吗？\n\n谢谢！\n李娜"
    )
    return mail(
        "offer-5", LI_NA, ADA, "回复：Offer for 200 pendant lamps", text, at, after=["offer-1", "offer-4"],
        files=[File("灯具清单.csv", "text/csv", "型号,数量\nNova 40,120\nNova 60,80\n".encode("utf-8-sig"))],
    )  # fmt: skip


def two_answers(at: datetime) -> EmailMessage:
    """Ada answers from her own mail program, which sends the hub a blind copy."""
    text = "Dear Ms Li,\n\ntwo lots are fine, 120 in January and 80 in March. And yes, DALI.\n\nAda"
    return mail("offer-6", ADA, LI_NA, "Re: Offer for 200 pendant lamps", text, at, after=["offer-1", "offer-5"])


def reseller(at: datetime) -> EmailMessage:
    """A stranger writes."""
    text = (
        "Hello,\n\nI tried to reach you this morning. We run three lighting shops and would like to carry your lamps.\n"
        "Whom do I talk to?\n\nHenrik Dahl\n+49 40 66969777\n"
    )
    return mail("reseller", HENRIK, SALES, "Reseller?", text, at)


def question_for_jonas(at: datetime) -> EmailMessage:
    """Ben asks."""
    text = "Hello Mr Petersen,\n\nthat sounds like the dimmer. May I come by tomorrow at ten?\n\nBen"
    return mail("flicker-2", BEN, JONAS, "Re: Flicker in meeting room 2", text, at, after=["flicker-1"])


def away(at: datetime) -> EmailMessage:
    """Jonas's mail server answers for him (RFC 3834)."""
    text = "I am out of the office until Monday. For urgent matters please call our reception.\n\nJonas Petersen"
    return mail(
        "away", JONAS, BEN, "Automatic reply: Flicker in meeting room 2", text, at, after=["flicker-1", "flicker-2"],
        Auto_Submitted="auto-replied",
    )  # fmt: skip


def visit(at: datetime) -> EmailMessage:
    """Sofia invites Ada (RFC 5546, RFC 6047)."""
    begins = (at + timedelta(days=7)).astimezone(UTC).replace(hour=13, minute=0, second=0)
    invitation = mail(
        "visit", SOFIA, ADA, "Visita in showroom",
        f"Buongiorno Ada,\n\npasso volentieri in showroom il {begins:%d.%m.}\n\nSofia", at,
    )  # fmt: skip
    meeting = _meeting("showroom", "Visita in showroom", begins, SOFIA, ADA)
    invitation.add_alternative(_calendar(meeting, method="REQUEST"), subtype="calendar", params={"method": "REQUEST"})
    return invitation


def calendar(now: datetime) -> str:
    """Ada's calendar as a file (RFC 5545): what she agreed with Martha Vogel, and a fair with Wang Xiaoming."""
    day, noon = timedelta(days=1), now.astimezone(UTC).replace(hour=12, minute=0, second=0)
    return _calendar(
        _meeting("lobby", "Haus am Kanal: both samples", noon - 3 * day, ADA, MARTHA),
        _meeting("fair", "Light fair, stand 4.1 C22", noon + 5 * day, ADA, WANG),
    )


def _calendar(*meetings: str, method: str = "PUBLISH") -> str:
    parts = (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Lumen//EN",
        f"METHOD:{method}",
        *meetings,
        "END:VCALENDAR",
        "",
    )
    return "\r\n".join(parts)


def _meeting(ident: str, title: str, begins: datetime, organizer: Address, attendee: Address) -> str:
    lines = (
        "BEGIN:VEVENT", f"UID:{ident}@calendar.example", f"DTSTAMP:{begins - timedelta(days=9):%Y%m%dT%H%M%SZ}",
        f"DTSTART:{begins:%Y%m%dT%H%M%SZ}", f"DTEND:{begins + timedelta(hours=1):%Y%m%dT%H%M%SZ}",
        f"SUMMARY:{title.replace(',', chr(92) + ',')}", "LOCATION:Berlin",
        f"ORGANIZER;CN={organizer.display_name}:mailto:{organizer.addr_spec}",
        f"ATTENDEE;CN={attendee.display_name};RSVP=TRUE:mailto:{attendee.addr_spec}", "END:VEVENT",
    )  # fmt: skip
    return "\r\n".join(lines)


def wall_lamps(at: datetime) -> EmailMessage:
    """A question in traditional characters."""
    text = (
        "您好：\n\n我們正在為台中的一家飯店做室內設計，需要約 120 盞壁燈，色溫 2700 K。\n"
        "能否提供報價與交期？\n\n謝謝\n陳怡君"
    )
    return mail("wall-lamps", YICHUN, SALES, "台中飯店專案報價", text, at)


def newsletter(at: datetime) -> EmailMessage:
    """What everybody gets."""
    return mail(
        "fair", FAIR, SALES, "Your stand number", "Your stand is 4.1 C22.", at,
        List_Unsubscribe="<https://lightfair.example/u>", Precedence="bulk",
    )  # fmt: skip


PRICES = File("Offer 2026-118.csv", "text/csv", b"Item,Pieces,EUR each,EUR\nNova 40 brass,200,243.00,48600.00\n")
