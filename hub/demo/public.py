"""What is said of the firm in public and on its web site: a month of posts, a lamp in a film, leads, and a chat."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter

from hub.privacy.visibility import HUB
from hub.service import Service
from hub.visitors.leads import Lead
from hub.visitors.stamps import Stamp
from hub.vocabulary import Channel, Event, Mention, Participant, Role

QUERIES = (
    ("Our name", "lumen (lamp* OR nova OR pendant* OR 灯 OR 燈)", ("ada", "ben")),
    ("Glowworks", "glowworks", ("ada",)),
    ("Who looks for lamps", '("looking for" OR recommend* OR "any tips") NEAR/12 lamp*', ("ben",)),
)
"""What Ada watches for: name, query, and who watches it."""

_PEOPLE = {
    "ines": ("mastodon", "acct:ines@lichter.example", "Ines Falk", 430),
    "kiez": ("mastodon", "acct:kiezblatt@berlin.example", "Kiezblatt", 5_200),
    "tom": ("mastodon", "acct:tom@maker.example", "Tomás Rey", 88),
    "hana": ("mastodon", "acct:hana@design.example", "Hana Sato", 2_900),
    "film": ("mastodon", "acct:abendkino@berlin.example", "Abendkino", 11_400),
    "oleg": ("bluesky", "did:plc:oleg", "Oleg Marin", 120),
    "priya": ("bluesky", "did:plc:priya", "Priya N.", 1_750),
    "lotte": ("bluesky", "did:plc:lotte", "Lotte Brandt", 64),
    "mei": ("bluesky", "did:plc:mei", "小美看家居", 18_300),
    "jun": ("bluesky", "did:plc:jun", "阿俊", 310),
    "hn": ("hackernews", "https://news.ycombinator.com/user?id=warmwhite", "warmwhite", None),
    "desk": ("news", "", "Desk Notes", None),
    "arch": ("news", "", "Grundriss Blog", None),
}
"""Where somebody posts, her handle, name and followers."""

_MONTH = (
    (
        29.4,
        "desk",
        "Comparing desk lamps, part one: the Lumen Nova 40 against two cheaper ones. It wins by its dimmer.",
    ),
    (28.1, "oleg", "three weeks with the lumen nova on my desk. quiet, warm, no flicker on camera. i love it"),
    (27.6, "mei", "Lumen 的吊灯真的很好看，光线柔和，家里一下子有气氛了，推荐！"),
    (26.2, "tom", "My Lumen lamp came with a scratch and the support line kept me waiting. Not great."),
    (25.0, "arch", "Glowworks opens a second factory near Leipzig and wants to deliver within a week."),
    (24.3, "hana", "Saw the Lumen pendants at the fair in Milan. Brass done right, the proportions are lovely."),
    (23.8, "priya", "Anyone looking for a reading lamp: which one does not buzz when it is dimmed?"),
    (22.5, "jun", "买了 Lumen 的台灯，用了两天就坏了，客服也没人回，太失望了。"),
    (21.9, "lotte", "glowworks support answered within an hour, wow"),
    (
        20.7,
        "hn",
        "We replaced forty office fixtures with Lumen lamps; power draw fell by a third and nobody complained.",
    ),
    (19.2, "ines", "Is the Lumen Nova repairable? Mine is six years old and needs a new driver."),
    (18.4, "oleg", "can anybody recommend a pendant lamp for a low ceiling, not glossy please"),
    (17.1, "kiez", "Tag der offenen Tür bei Lumen: die lamp makers from around the corner show how brass is bent."),
    (16.6, "mei", "Lumen 新款吊灯到了，做工精致，包装也很用心，喜欢。"),
    (
        15.0,
        "desk",
        "Comparing desk lamps, part two: repair. Lumen sends spare parts for its lamps, the others send a new one.",
    ),
    (14.2, "tom", "Glowworks raised its prices again, second time this year. Annoying."),
    (13.3, "priya", "The lumen nova in our studio is four years old and still perfect. Worth every cent, honestly."),
    (
        12.8,
        "hana",
        "Specified Lumen pendants for a small hotel; samples came in two days, thank you for the fast help!",
    ),
    (11.5, "jun", "请问 Lumen 的灯具在深圳哪里可以看到实物？"),
    (10.1, "lotte", "looking for a wall lamp that an eleven year old cannot break, serious answers only"),
    (9.4, "arch", "Lighting a lobby without glare: the architects of Haus am Kanal chose Lumen pendants on a grid."),
    (8.7, "oleg", "glowworks lamp arrived broken. third time. never again"),
    (7.3, "hn", "Does anyone know whether the Lumen Nova lamp exposes DALI, or only its own remote?"),
    (
        6.2,
        "ines",
        "Update: Lumen sent the driver for my old Nova, free of charge. Delighted, that is how it should be.",
    ),
    (5.0, "kiez", "Glowworks und Lumen streiten vor Gericht um eine Fassung: a lamp socket, of all things."),
    (4.1, "mei", "对比了 Glowworks 和 Lumen 的灯，还是觉得 Lumen 的光更舒服。"),
    (3.2, "tom", "Half of our order of Lumen lamps came with broken glass. Terrible packaging, very disappointed."),
    (2.4, "hana", "Any tips for a lamp over a long dining table? Two pendants or one bar?"),
    (1.3, "priya", "Glowworks has a nice new app, but who wants an app for a lamp?"),
    (0.6, "desk", "Lumen publishes the repair manual of the Nova lamp for everybody. Others should follow."),
)
"""How many days ago, who, and what."""

_FILM = (
    ("film", "Tonight's film: the green lamp in the last scene is a Lumen Nova, says the set designer."),
    ("lotte", "wait is that my lumen lamp in the film??"),
    ("oleg", "the lumen nova has a better agent than most actors"),
    ("hana", "So happy for the people at Lumen, that pendant deserves its close-up."),
    ("priya", "Everybody in my timeline suddenly wants the Lumen lamp from the film"),
    ("kiez", "Eine Lampe aus unserem Kiez im Abendfilm: the Lumen Nova lamp, made two streets from here."),
    ("jun", "电影最后一幕那盏灯是 Lumen 的吧？太美了"),
    ("ines", "Mine is the same Lumen lamp, and no, it is not for sale"),
    ("tom", "Fine, the Lumen lamp looks great on screen. I still want my glass replaced."),
    ("mei", "今晚电影里的 Lumen 吊灯，求链接！"),
    ("hn", "The Lumen lamp in that film is dimmed in real time from the camera's clock, neat trick."),
    ("desk", "The lamp from tonight's film, explained: Lumen Nova, second series, the version in brass."),
    ("arch", "After the film everybody asks for the Lumen pendant; the firm says it has eighty of them."),
    ("lotte", "told my mum which lumen lamp it was, i am the family hero now"),
    ("oleg", "somebody already sells a fake lumen nova lamp from the film, incredible"),
    ("hana", "Film people: if you light with a Lumen lamp, thank the makers in the credits."),
)
"""What is said within half an hour, since the film."""


async def said(service: Service) -> None:
    """A month in public, as the sources would have told it, up to the film that makes everybody speak of a lamp."""
    now = datetime.now(UTC)
    for name, text, agents in QUERIES:
        await service.watch.make(HUB, name, text, list(agents))
    month = [(now - timedelta(days=days), who, text) for days, who, text in _MONTH]
    # All within one hour of the clock, by which spikes are counted: this one, or the one before where this is young.
    end = now if now.minute > 2 * len(_FILM) else now.replace(minute=0) - timedelta(minutes=1)
    film = [(end - timedelta(minutes=2 * (len(_FILM) - place)), who, text) for place, (who, text) in enumerate(_FILM)]
    await _told(service, month)
    await _told(service, film)
    await _spread(service, film[0][0], now)
    await service.watch.judge()


async def visited(service: Service) -> None:
    """Two forms that were filled in, one of them by a machine, and somebody who asks in the chat."""
    now, visitors = datetime.now(UTC), service.visitors
    form, chat = visitors.fronts["contact-form"], visitors.fronts["website-chat"]
    sent = (
        ("Nora Lind", "nora@lindhotel.example", "We light a small hotel, 24 rooms. May we see the Nova in brass?", ""),
        (
            "SEO Team",
            "rank@best-links.example",
            "Links: https://a.example https://b.example https://c.example",
            "x",
        ),
    )
    labels = {"name": "Name", "mail": "Mail address", "phone": "Phone number", "message": "Message"}
    for name, mail, text, trap in sent:
        answers = {"name": name, "mail": f"mailto:{mail}", "message": text}
        stamp = Stamp(f"demo-{mail}", timedelta(minutes=2))
        lead = Lead(front=form, stamp=stamp, answers=answers, tag="en", labels=labels, trap=trap)
        await visitors.leads.take(lead, now - timedelta(minutes=50))
    session = await visitors.talks.say(chat, "demo-visitor", "1", "Hello, is the lamp from the film still there?", "en")
    await visitors.talks.introduce(chat, session, "Sofia Rossi", "mailto:sofia@rossi.example")


async def _told(service: Service, posts: Iterable[tuple[datetime, str, str]]) -> None:
    by_source = sorted(((_PEOPLE[who][0], at, who, text) for at, who, text in posts), key=itemgetter(0, 1))
    for source, some in groupby(by_source, key=itemgetter(0)):
        events = [_event(at, who, text) for _, at, who, text in some]
        await service.ingest.record(source, events, live=False)


async def _spread(service: Service, at: datetime, now: datetime) -> None:
    """The first word of the film goes round: reposted, and heard once more through a feed."""
    first = _event(at, *_FILM[0])
    assert isinstance(first.facts, Mention)
    reposts = [
        Event(
            key=f"mastodon:demo/{who}-repost",
            id="1",
            channel=Channel.SOCIAL,
            at=now - timedelta(minutes=20),
            facts=Mention(
                participants=(Participant(_PEOPLE[who][1], Role.SENDER, _PEOPLE[who][2]),),
                posted_at=now - timedelta(minutes=20),
                reach=_PEOPLE[who][3],
                repost_of=first.key,
            ),
        )
        for who in ("ines", "hana", "kiez")
    ]
    await service.ingest.record("mastodon", reposts, live=False)
    again = Event(key="feed:demo-film", id="1", channel=Channel.WEB, at=now, facts=first.facts)
    await service.ingest.record("news", [again], live=False)


def _event(at: datetime, who: str, text: str) -> Event:
    source, handle, name, reach = _PEOPLE[who]
    key = f"{source}:demo/{who}-{at:%Y%m%d%H%M%S}"
    site = {"bluesky": "bsky.app", "hackernews": "news.ycombinator.com"}.get(source, handle.partition("@")[2])
    facts = Mention(
        participants=(Participant(handle, Role.SENDER, name),),
        text=text,
        url=f"https://posts.example/{who}/{at:%Y%m%d%H%M%S}",
        posted_at=at,
        site=site or "blog.example",
        reach=reach,
    )
    channel = Channel.WEB if source == "news" else Channel.SOCIAL
    return Event(key=key, id="1", channel=channel, at=at, facts=facts)
