"""The running hub without its doors: store, live bus, ingest and pops, put together in one place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from hub.alerts.book import Rulebook
from hub.alerts.desk import Alerts
from hub.alerts.subscribers.desk import Subscribers
from hub.alerts.subscribers.rows import Sealing
from hub.alerts.ways import push
from hub.alerts.ways.desk import Ways
from hub.alerts.ways.reading import Reading
from hub.alerts.ways.registry import Reach
from hub.availability import Availability, Rota
from hub.batch import Books
from hub.booking.bookings import Bookings
from hub.booking.catalogue import Catalogue
from hub.booking.feeds import Feeds
from hub.booking.following import Following
from hub.booking.links import Links
from hub.booking.means import Means, Secrets
from hub.booking.notices import Notices
from hub.booking.slots import Slots
from hub.calendars.calendars import Calendars
from hub.calendars.intake import Intake
from hub.calendars.owners import Owner, Owners
from hub.calls.closing import Closing
from hub.calls.missed import Due
from hub.calls.overdue import Overdue
from hub.calls.recordings.fetching import Fetching
from hub.calls.recordings.policy import Sound
from hub.config import Config, Lend, Plugins
from hub.contracts import Misconfigured, Webhook
from hub.crm.directory import Directory
from hub.dialing.calls import Dialing
from hub.dialing.ready import Readiness
from hub.dialing.runner import Runner
from hub.files.fetching import Files
from hub.grants.keeper import Grants
from hub.inbox.desk import Desk
from hub.inbox.presence import Presence
from hub.inbox.teams import Assignment
from hub.inbox.waking import Waking
from hub.ingest import Ingest
from hub.letters import token
from hub.letters.post import Post
from hub.live import Live
from hub.loans import SourceLoan
from hub.mailroom import Mailroom
from hub.mentions.authors import Authors
from hub.mentions.desk import Watch
from hub.mentions.intake import Intake as PostIntake
from hub.mentions.watching import Watching
from hub.metrics import Metrics
from hub.ours import Line, Ours
from hub.outbox import Outbox
from hub.pops import House, Pops
from hub.privacy.mail_rules import MailRules
from hub.privacy.never_log import NeverLog
from hub.routing.known import Firm
from hub.routing.plan import QueueNode, members
from hub.routing.router import Router
from hub.store import Store
from hub.understanding import Guide
from hub.unrecorded import Unrecorded
from hub.visitors.visitors import Visitors


@dataclass(frozen=True, slots=True)
class Service:
    """What commands, pages and sources work with. Open it with `async with Service.open(config) as service`.

    *outbox*, *letters*, *recordings*, *files*, *overdue*, *closing*, *dial_lists*, *notices*, *alerts*, *watch*, *ways*
    and *subscribers* do nothing by themselves until they are entered, as `hub serve` does: a command that is over in a
    second is no courier. *dialing* places calls at once and *bookings* writes into calendars at once, and both see to
    what was lost when they are entered; *calendars* answer at once, and are kept up to date when they are entered.
    """

    config: Config
    store: Store
    live: Live
    ours: Ours
    ingest: Ingest
    pops: Pops
    availability: Availability
    metrics: Metrics
    directory: Directory
    outbox: Outbox
    grants: Grants
    presence: Presence
    desk: Desk
    letters: Post
    recordings: Fetching
    files: Files
    overdue: Overdue
    closing: Closing
    dialing: Dialing
    routing: Router
    dial_lists: Runner
    event_types: Catalogue
    slots: Slots
    bookings: Bookings
    notices: Notices
    links: Links
    feeds: Feeds
    calendars: Calendars
    alerts: Alerts
    watch: Watch
    authors: Authors
    ways: Ways
    subscribers: Subscribers
    visitors: Visitors

    def lend(self, source: str) -> SourceLoan:
        """What the plug-ins of *source* may have of what only a running hub keeps."""
        return SourceLoan(source, self.store, self.grants, self.routing)

    @classmethod
    @asynccontextmanager
    async def open(cls, config: Config) -> AsyncGenerator[Service, None]:
        """The hub that *config* describes. Raises `StoreLocked` and `Unavailable` as `Store.open` does."""
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(Store.open(config.store))
            key = await store.write(token.key)
            tokens = token.Tokens(key)
            live = await stack.enter_async_context(_live(config))
            ours = ours_of(config)
            never = NeverLog(config.privacy.never_log)
            mailroom = await stack.enter_async_context(
                Mailroom(Guide(mail_rules(config), config.region, tokens, config.inbox.authenticated_by))
            )
            unrecorded = Unrecorded(live, ours, store.ids)
            metrics = Metrics()
            grants = Grants(store, config)
            stack.push_async_callback(grants.close)
            crms, assignment = tuple(config.crm), assignment_of(config, ours)

            def lend(source: str) -> SourceLoan:
                return SourceLoan(source, store, grants)

            recorders = _ready(config, lend, lambda plugins: plugins.recorder)
            sound = Sound(config.telephony.lines, frozenset(recorders))
            fetchers = _ready(config, lend, lambda plugins: plugins.fetcher)
            senders = _ready(config, lend, lambda plugins: plugins.sender)
            profiles = _ready(config, lend, lambda plugins: plugins.profiles)
            tellers = _ready(config, lend, lambda plugins: plugins.teller)
            reach = Reach(config, senders, tellers)
            rules = Rulebook(config, reach)
            await store.read(rules.refresh)
            rota = rota_of(config)
            house = House(rota, config.telephony.calls.wrap_up_seconds)
            owners = owners_of(config)
            event_types = Catalogue(store, config)
            following = Following(config, event_types, store.ids)
            watching = Watching()
            watch = Watch(config, store, live, watching, rules)
            await watch.refresh()
            posts = PostIntake(store, watching, ours.handles, config.watch.keep_an_hour)
            books = Books(
                ours,
                store.ids,
                store.blobs,
                crms,
                tokens.conversation_of,
                assignment,
                due_by(config),
                sound,
                house,
                owners,
                following,
                frozenset(fetchers),
                rules,
                watch.watchers,
            )
            intake = Intake(store, mailroom, owners)
            ingest = Ingest(store, live, mailroom, books, never, unrecorded, metrics, _webhooks(config), intake, posts)
            stale = timedelta(minutes=config.booking.stale_minutes)
            calendars = Calendars(store, live, mailroom, ingest, intake, stale)
            pops = Pops(store, live, unrecorded, rota)
            ticking = asyncio.create_task(pops.run(), name="pops")
            stack.push_async_callback(_ended, ticking)
            availability = await stack.enter_async_context(Availability(store, live, rota))
            directory = Directory(store, live, config.region, ours.handles, config.crm, config.agents)
            adapters, problems = config.adapters()
            outbox = Outbox(store, adapters, config.public_url, problems)
            undo = config.inbox.undo_seconds
            letters = Post(config, store, ingest, live, senders, tokens, undo_seconds=undo)
            dialers = _ready(config, lend, lambda plugins: plugins.dialer)
            dialing = Dialing(config, store, ingest, live, dialers)
            stack.push_async_callback(dialing.close)
            ready = Readiness(rota_of(config), config.telephony.calls.wrap_up_seconds)
            answered = {name: source.plan for name, source in config.sources.items()}
            ways = _built(config, lend, lambda plugins: plugins.calendar)
            for way in ways.values():
                stack.push_async_callback(way.close)
            slots = Slots(store, config, event_types, calendars)
            means = Means(
                config=config,
                store=store,
                ingest=ingest,
                live=live,
                catalogue=event_types,
                slots=slots,
                calendars=calendars,
                ways=ways,
                secrets=Secrets(key),
                following=following,
            )
            alerts = Alerts(config, store, live, rules)
            ingest.press(alerts.by_button)
            told_by = Ways(
                config,
                store,
                live,
                senders,
                tellers,
                Reading(config, reach, alerts.words.said, alerts.button),
                vapid=await store.write(push.vapid),
                marker=tokens.marker,
            )
            stack.push_async_callback(told_by.close)
            sealing = Sealing(config.keys, key)
            allowed = config.alerts.allow_private
            subscribers = Subscribers(store, live, sealing, config.public_url, allowed, rules)
            stack.push_async_callback(subscribers.close)
            presence = await stack.enter_async_context(Presence.open(live))
            waking = await stack.enter_async_context(Waking.open(store, live))
            desk = Desk(store, live, waking, config.agents, config.teams)
            yield cls(
                config=config,
                store=store,
                live=live,
                ours=ours,
                ingest=ingest,
                pops=pops,
                availability=availability,
                metrics=metrics,
                directory=directory,
                outbox=outbox,
                grants=grants,
                presence=presence,
                desk=desk,
                letters=letters,
                recordings=Fetching(store, live, recorders),
                files=Files(store, live, fetchers),
                overdue=Overdue(store, live, tuple(config.agents)),
                closing=Closing(store, ingest, config.telephony.calls.presumed_over_hours),
                dialing=dialing,
                routing=Router(store, ingest, firm_of(config), config.plans, answered),
                dial_lists=Runner(store, live, dialing, ready),
                event_types=event_types,
                slots=slots,
                bookings=Bookings(means),
                notices=Notices(means, letters.dispatch, letters.look),
                links=Links(store, event_types, config.public_url),
                feeds=Feeds(means),
                calendars=calendars,
                alerts=alerts,
                watch=watch,
                authors=Authors(store, ingest, live, profiles),
                ways=told_by,
                subscribers=subscribers,
                visitors=Visitors(config, store, ingest, live, availability, key),
            )


def mail_rules(config: Config) -> MailRules:
    """What *config* says may be kept of mail."""
    privacy = config.privacy
    return MailRules(
        NeverLog(privacy.never_log),
        privacy.internal,
        ours_of(config).handles,
        frozenset(privacy.domains),
        frozenset(privacy.skip_folders),
        frozenset(privacy.skip_headers),
    )


def ours_of(config: Config) -> Ours:
    """Our addresses and phones, as *config* lists them."""
    lines = {name: Line(frozenset(source.ours), source.rings) for name, source in config.sources.items()}
    groups = {name.casefold(): team.agents for team in config.teams.values() for name in (team.name, team.id)}
    for plan in config.plans.values():
        for name, node in plan.nodes.items():
            if isinstance(node, QueueNode):
                groups.setdefault(name.casefold(), members(node.people, config.agents, config.teams))
    return Ours(tuple(config.agents.values()), lines, groups)


def owners_of(config: Config) -> Owners:
    """Whose calendars the sources of *config* are. Only sources that it names take anybody's time."""
    found = {}
    for name, source in config.sources.items():
        if source.agents or source.offers.calendar is not None:
            handles = (*source.ours, *(handle for agent in source.agents for handle in config.agents[agent].handles))
            zone = config.zone(source.agents[0]).key if source.agents else config.timezone
            found[name] = Owner(source.agents, frozenset(handles), zone)
    for name, agents in config.left_out.items():  # nobody is free because her calendar cannot be read
        found[name] = Owner(agents)
    return Owners(
        found,
        ours_of(config).handles,
        frozenset(config.privacy.domains),
        NeverLog(config.privacy.never_log),
        config.region,
        config.timezone,
        frozenset((*config.sources, *config.left_out)),
    )


def firm_of(config: Config) -> Firm:
    """The people that calls are brought to, as *config* says."""
    return Firm(rota_of(config), {team.id: team.agents for team in config.teams.values()}, config.telephony)


def rota_of(config: Config) -> Rota:
    """Who works when, as *config* says."""
    return Rota(config.agents, config.telephony.hours)


Plugin = TypeVar("Plugin")


def _built(config: Config, lend: Lend, which: Callable[[Plugins], Plugin | None]) -> dict[str, Plugin]:
    """Of every source the plug-in that *which* picks."""
    found = {}
    for name in config.sources:
        try:
            plugin = which(config.plugins(name, lend))
        except Misconfigured:  # whoever runs the sources says so
            continue
        if plugin is not None:
            found[name] = plugin
    return found


class _Equipped(Protocol):
    """A plug-in that may be there and have no settings to work with."""

    @property
    def ready(self) -> bool: ...


Equipped = TypeVar("Equipped", bound=_Equipped)


def _ready(config: Config, lend: Lend, which: Callable[[Plugins], Equipped | None]) -> dict[str, Equipped]:
    """Of every source the plug-in that *which* picks, where its settings say how to work."""
    return {name: plugin for name, plugin in _built(config, lend, which).items() if plugin.ready}


def due_by(config: Config) -> Due:
    """When a missed call is to be returned, as *config* says."""
    calls = config.telephony.calls
    hours = config.telephony.hours.get(calls.hours)

    def due(missed_at: datetime) -> datetime:
        return hours.after(missed_at, calls.missed_hours) if hours else missed_at + timedelta(hours=calls.missed_hours)

    return due


def assignment_of(config: Config, ours: Ours) -> Assignment:
    """Whom new conversations belong to, as *config* says."""
    teams = {name: config.teams[source.team] for name, source in config.sources.items() if source.team}
    personal = {handle: agent.id for agent in ours.agents for handle in agent.handles}
    return Assignment(teams, personal, rota_of(config))


def _webhooks(config: Config) -> Callable[[str], Webhook | None]:
    """The webhook of a source by name, for what is replayed; `None` where it has none or cannot be built."""

    def find(source: str) -> Webhook | None:
        try:
            return config.plugins(source).webhook if source in config.sources else None
        except Misconfigured:
            return None

    return find


def _live(config: Config) -> Live:
    if not config.redis:
        return Live()
    from hub.live.redis import RedisLive  # a hub by itself does without, and starts sooner

    return RedisLive(config.redis)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
