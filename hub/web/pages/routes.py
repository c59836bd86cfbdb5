"""Where each page is. `add_routes` is all that the application needs to know of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from importlib import import_module

from aiohttp import web

from hub.sources.habits import Habits
from hub.web.keys import ERROR_PAGE, SERVICE
from hub.web.pages import (
    alert_rules,
    alert_settings,
    alerts,
    availability,
    calendar,
    calendar_bookings,
    calendar_types,
    calls,
    calls_lists,
    calls_missed,
    calls_plans,
    calls_recordings,
    canned,
    connect,
    contacts,
    inbox,
    interactions,
    login,
    manifest,
    now,
    pops,
    search,
    settings,
    sources,
    subscribers,
    watch,
    watch_charts,
    watch_queries,
    words,
)
from hub.web.pages.frame import FRAME, Frame


def add_routes(app: web.Application) -> None:
    """Every page and every part of one. Ids are digits, so that anything else is a 404."""
    app.cleanup_ctx.append(_places)
    app[FRAME] = Frame()
    app[sources.HABITS] = Habits(app[SERVICE].store)
    app[ERROR_PAGE] = login.problem
    router = app.router
    router.add_get("/", now.now)
    router.add_get("/search", search.search)
    router.add_get("/inbox", inbox.inbox)
    router.add_get("/inbox/new", inbox.inbox)
    router.add_get("/inbox/rows", inbox.some_rows)
    router.add_get("/inbox/times", inbox.times)
    router.add_get(r"/inbox/{id:\d{1,19}}", inbox.conversation)
    router.add_get("/contacts", contacts.people)
    router.add_post("/contacts", contacts.create)
    router.add_get("/contacts/new", contacts.new)
    router.add_get("/contacts/choose", contacts.choose)
    router.add_get(r"/contacts/{id:\d{1,19}}", contacts.contact)
    router.add_post(r"/contacts/{id:\d{1,19}}", contacts.change)
    router.add_get(r"/contacts/{id:\d{1,19}}/edit", contacts.edit)
    router.add_post(r"/contacts/{id:\d{1,19}}/link", contacts.link)
    router.add_post(r"/contacts/{id:\d{1,19}}/unlink", contacts.unlink)
    router.add_get(r"/contacts/{id:\d{1,19}}/timeline", contacts.contact_timeline)
    router.add_get(r"/interactions/{id:\d{1,19}}", interactions.unfolded)
    router.add_get(r"/interactions/{id:\d{1,19}}/body", interactions.body)
    router.add_get(r"/interactions/{id:\d{1,19}}/wordings", interactions.said_before)
    router.add_get(r"/interactions/{id:\d{1,19}}/files/{index:\d{1,4}}", interactions.file)
    router.add_post(r"/interactions/{id:\d{1,19}}/notes", interactions.note)
    router.add_post(r"/interactions/{id:\d{1,19}}/was", interactions.was)
    router.add_get(r"/pops/{id:\d{1,19}}/card", pops.card)
    router.add_post(r"/pops/{id:\d{1,19}}/who", pops.who)
    router.add_post(r"/pops/{id:\d{1,19}}/dismiss", pops.dismiss)
    router.add_get("/calls", calls.calls)
    router.add_get("/calls/live", calls.live)
    router.add_get("/calls/log", calls.log)
    router.add_get("/calls/missed", calls_missed.ledger)
    router.add_get("/calls/recordings", calls_recordings.heard)
    router.add_get("/calls/lists", calls_lists.all_lists)
    router.add_get("/calls/lists/new", calls_lists.new)
    router.add_get(r"/calls/lists/{id:\d{1,19}}", calls_lists.one)
    router.add_get("/calls/plans", calls_plans.plans)
    router.add_get("/calls/plans/{name}/trial", calls_plans.trial)
    router.add_get("/calendar", calendar.week)
    router.add_get("/calendar/bookings", calendar_bookings.bookings)
    router.add_get(r"/calendar/bookings/{id:\d{1,19}}", calendar_bookings.one)
    router.add_get(r"/calendar/bookings/{id:\d{1,19}}/{deed}", calendar_bookings.deed)
    router.add_get("/calendar/meet", calendar_bookings.meet)
    router.add_get("/calendar/types", calendar_types.types)
    router.add_get("/calendar/types/new", calendar_types.edit)
    router.add_get(r"/calendar/types/{slug:[a-z0-9_-]{1,64}}/edit", calendar_types.edit)
    router.add_get("/calendar/explain", calendar.explain)
    router.add_get("/calendar/feeds", calendar.feeds)
    router.add_get("/availability", availability.availability)
    router.add_get("/availability/me", availability.mine)
    router.add_get("/availability/colleagues", availability.of_colleagues)
    router.add_get("/sources", sources.all_sources)
    router.add_get("/sources/{name}/day", sources.last_day_of)
    router.add_post("/sources/{name}/retry", sources.retry)
    router.add_get("/sources/{name}/permission", connect.permission)
    router.add_get("/sources/{name}/connect", connect.connect)
    router.add_post("/sources/{name}/disconnect", connect.disconnect)
    router.add_get("/oauth/callback", connect.came_back)
    router.add_get(r"/quarantine/{id:\d{1,19}}", sources.show_held)
    router.add_post(r"/quarantine/{id:\d{1,19}}/replay", sources.replay)
    router.add_post(r"/leads/{id:\d{1,19}}/{deed:release|discard}", sources.decide_lead)
    router.add_get("/watch", watch.mentions)
    router.add_get("/watch/charts", watch_charts.charts)
    router.add_get("/watch/queries/new", watch_queries.edit)
    router.add_post("/watch/queries/preview", watch_queries.tried)
    router.add_get(r"/watch/queries/{id:\d{1,19}}", watch_queries.edit)
    router.add_get(r"/watch/{id:\d{1,19}}", watch.mention)
    router.add_get(r"/watch/{id:\d{1,19}}/proposals", watch.proposals)
    router.add_get("/settings", settings.settings)
    router.add_post("/settings", settings.save)
    router.add_post("/settings/end-session", settings.end_session)
    router.add_post("/settings/end-others", settings.end_others)
    router.add_get("/settings/answers", canned.answers)
    router.add_get("/settings/answers/new", canned.one)
    router.add_get(r"/settings/answers/{id:\d{1,19}}", canned.one)
    router.add_get("/settings/alerts", alert_settings.mine)
    router.add_get("/settings/rules", alert_rules.rules)
    router.add_get("/settings/rules/new", alert_rules.edit)
    router.add_get("/settings/rules/conditions", alert_rules.conditions)
    router.add_post("/settings/rules/dry-run", alert_rules.tried)
    router.add_get(r"/settings/rules/{id:\d{1,19}}", alert_rules.edit)
    router.add_get("/settings/webhooks", subscribers.subscribers)
    router.add_get("/settings/webhooks/new", subscribers.new)
    router.add_get(r"/settings/webhooks/{id:\d{1,19}}/attempts", subscribers.attempts)
    router.add_get("/alerts", alerts.all_alerts)
    router.add_get("/alerts/now", alerts.on_now)
    router.add_get(r"/alerts/{id:\d{1,19}}", alerts.one)
    router.add_get(r"/alerts/{id:\d{1,19}}/open", alerts.go)
    router.add_get(r"/alerts/{id:\d{1,19}}/snooze", alerts.snooze)
    router.add_get(r"/interactions/{id:\d{1,19}}/remind", alerts.remind)
    router.add_get("/manifest.webmanifest", manifest.manifest)
    router.add_get("/service-worker.js", manifest.service_worker)
    router.add_get("/login", login.login)
    router.add_get("/setup/{token}", login.setup)


async def _places(app: web.Application) -> AsyncIterator[None]:
    loading = asyncio.create_task(asyncio.to_thread(import_module, words.PLACES))
    yield
    await loading
