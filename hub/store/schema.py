"""The tables, the same on SQLite and PostgreSQL; what they are made of stands in `hub.store.columns`.

Full-text tables differ by database and are made by `search_ddl`. Those of mentions, alerts and chats stand in modules
of their own, and belong to the same `metadata`.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from hub.store import alert_tables as alert_tables
from hub.store import chat_tables as chat_tables
from hub.store import mention_tables as mention_tables
from hub.store import visitor_tables as visitor_tables
from hub.store import way_tables as way_tables
from hub.store.columns import EPOCH as EPOCH
from hub.store.columns import MICROSECOND as MICROSECOND
from hub.store.columns import Document as Document
from hub.store.columns import Instant as Instant
from hub.store.columns import id_column, text_column
from hub.store.columns import metadata as metadata
from hub.store.columns import micros as micros
from hub.store.columns import moment as moment

# --- the Directory: the CRM's records -------------------------------------------------------------------------------

companies = Table(
    "companies",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    text_column("domain"),
    Column("external_id", Text, unique=True),
    Column("created_at", Instant, nullable=False),
    Index(None, "domain"),
)

contacts = Table(
    "contacts",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    Column("company_id", BigInteger, ForeignKey("companies.id", ondelete="SET NULL"), index=True),
    text_column("title"),
    text_column("owner"),
    text_column("notes"),
    Column("external_id", Text, unique=True),
    Column("fields", Document, nullable=False, server_default="{}"),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index(None, "name"),
)

# strength: personal | shared | role. how: import | agent | api | demo … ; confirmed_at: a person said so.
identities = Table(
    "identities",
    metadata,
    Column("handle", Text, primary_key=True),
    Column("contact_id", BigInteger, ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("strength", Text, nullable=False, server_default="personal"),
    Column("how", Text, nullable=False),
    text_column("learned_by"),
    Column("learned_at", Instant, nullable=False),
    Column("confirmed_at", Instant),
)

deals = Table(
    "deals",
    metadata,
    id_column(),
    Column("contact_id", BigInteger, ForeignKey("contacts.id", ondelete="SET NULL"), index=True),
    Column("company_id", BigInteger, ForeignKey("companies.id", ondelete="SET NULL"), index=True),
    Column("title", Text, nullable=False),
    text_column("stage"),
    Column("amount", Float),
    text_column("currency"),
    Column("open", Boolean, nullable=False),
    text_column("owner"),
    Column("external_id", Text, unique=True),
    Column("updated_at", Instant, nullable=False),
)

cases = Table(
    "cases",
    metadata,
    id_column(),
    Column("contact_id", BigInteger, ForeignKey("contacts.id", ondelete="SET NULL"), index=True),
    Column("company_id", BigInteger, ForeignKey("companies.id", ondelete="SET NULL"), index=True),
    Column("title", Text, nullable=False),
    text_column("urgency"),
    Column("open", Boolean, nullable=False),
    text_column("owner"),
    Column("external_id", Text, unique=True),
    Column("opened_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    id_column(),
    Column("contact_id", BigInteger, ForeignKey("contacts.id", ondelete="SET NULL"), index=True),
    Column("company_id", BigInteger, ForeignKey("companies.id", ondelete="SET NULL"), index=True),
    Column("title", Text, nullable=False),
    text_column("state"),
    Column("amount", Float),
    text_column("currency"),
    Column("external_id", Text, unique=True),
    Column("ordered_at", Instant, nullable=False),
)

# --- what happened --------------------------------------------------------------------------------------------------

# Every Event that was taken in: the set an interaction is folded from. kind names the class of its facts.
events = Table(
    "events",
    metadata,
    Column("key", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("facts", Document, nullable=False),
    Column("blob", Text),
)

# The fold. open_level: the widest level among the copies that are open to everyone (0: none). facts: the folded facts.
interactions = Table(
    "interactions",
    metadata,
    id_column(),
    Column("key", Text, nullable=False, unique=True),
    Column("channel", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("title", Text, nullable=False),
    Column("preview", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("conversation_id", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("open_level", Integer, nullable=False),
    Column("blob", Text),
    Column("facts", Document, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Index(None, "conversation_id", "occurred_at"),
    Index(None, "occurred_at", "id"),
    Index(
        "ix_interactions_alive",
        "occurred_at",
        sqlite_where=sa.text("kind = 'call' AND state <> 'ended'"),
        postgresql_where=sa.text("kind = 'call' AND state <> 'ended'"),
    ),
)

participants = Table(
    "participants",
    metadata,
    Column("interaction_id", BigInteger, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("handle", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("ours", Boolean, nullable=False),
    Index(None, "handle", "interaction_id"),
)

# level is Level.rank; audience an agent's id, or "" for everyone. size (bytes) and received_at know a copy again after
# its folder was renumbered. gone: it does not lie there any more.
copies = Table(
    "copies",
    metadata,
    Column("interaction_id", BigInteger, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("place", Text, primary_key=True),
    Column("provider_id", Text, primary_key=True),
    Column("flags", Text, nullable=False),
    Column("level", Integer, nullable=False),
    Column("audience", Text, nullable=False),
    Column("size", BigInteger, nullable=False, server_default="0"),
    Column("received_at", Instant),
    Column("gone", Boolean, nullable=False, server_default=sa.false()),
    text_column("labels"),
    Index(None, "audience", "interaction_id"),
    Index(None, "source", "place", "provider_id"),
)

# state: open | waiting (for the other side) | snoozed | closed. waiting_since: when the other side said what nobody of
# us answered yet. topic: the base subject of a mail thread (RFC 5256, 2.1). sharing: "" as its copies allow |
# shared | private. revision: the hub's own counter of what people did to it.
conversations = Table(
    "conversations",
    metadata,
    id_column(),
    Column("channel", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("last_interaction_id", BigInteger, nullable=False),
    Column("state", Text, nullable=False, server_default="open"),
    text_column("owner"),
    text_column("team"),
    Column("snoozed_until", Instant),
    Column("waiting_since", Instant),
    text_column("topic"),
    text_column("sharing"),
    Column("deal_id", BigInteger),
    Column("case_id", BigInteger),
    Column("revision", Integer, nullable=False, server_default="1"),
    Index(None, "last_at", "id"),
    Index(None, "state", "last_at", "id"),
    Index(None, "owner", "state", "last_at", "id"),
    Index(None, "team", "state", "last_at", "id"),
    Index(None, "topic", "last_at"),
    Index(None, "snoozed_until"),
    Index(
        "ix_conversations_waiting",
        "waiting_since",
        "id",
        sqlite_where=sa.text("waiting_since IS NOT NULL"),
        postgresql_where=sa.text("waiting_since IS NOT NULL"),
    ),
    Index(
        "ix_conversations_owner_waiting",
        "owner",
        "waiting_since",
        "id",
        sqlite_where=sa.text("waiting_since IS NOT NULL"),
        postgresql_where=sa.text("waiting_since IS NOT NULL"),
    ),
    Index(
        "ix_conversations_channel",
        "channel",
        "state",
        "last_at",
        "id",
        sqlite_where=sa.text("channel <> 'email'"),
        postgresql_where=sa.text("channel <> 'email'"),
    ),
)

# What a merge left of conversations: links to them lead on, and later mail that names them follows.
merged_conversations = Table(
    "merged_conversations",
    metadata,
    id_column(),
    Column("into_id", BigInteger, nullable=False, index=True),
)

# Which conversations somebody took apart: a mail that names both does not join them again.
split_conversations = Table(
    "split_conversations",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("from_id", BigInteger, primary_key=True, autoincrement=False, index=True),
)

# How far each agent has read: up to what occurred at read_at; and of what came with an earlier date, up to seen_id.
conversation_reads = Table(
    "conversation_reads",
    metadata,
    Column("agent", Text, primary_key=True),
    Column("conversation_id", BigInteger, primary_key=True, index=True),
    Column("read_at", Instant, nullable=False),
    Column("seen_id", BigInteger),
)

# What people did to conversations, and how to undo it. kind: assign | state | snooze | merge | split | link …
deeds = Table(
    "deeds",
    metadata,
    id_column(),
    Column("actor", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("before", Document, nullable=False),
    Column("done_at", Instant, nullable=False),
    Column("undone_at", Instant),
    Index(None, "done_at"),
)

# Whose turn it is in a team whose mail goes round.
team_turns = Table(
    "team_turns",
    metadata,
    Column("team", Text, primary_key=True),
    Column("agent", Text, nullable=False),
)

# What was deleted here on purpose: it does not come back with the next reading of its mailbox.
tombstones = Table(
    "tombstones",
    metadata,
    Column("key", Text, primary_key=True),
    Column("actor", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

conversation_refs = Table(
    "conversation_refs",
    metadata,
    Column("ref", Text, primary_key=True),
    Column("conversation_id", BigInteger, nullable=False, index=True),
)

# An interaction as it stands on one contact's timeline: one row per pair, whatever else happens.
activities = Table(
    "activities",
    metadata,
    Column("contact_id", BigInteger, primary_key=True),
    Column("interaction_id", BigInteger, primary_key=True),
    Column("occurred_at", Instant, nullable=False),
    text_column("confirmed_by"),
    Index("ix_activities_timeline", "contact_id", sa.text("occurred_at DESC"), sa.text("interaction_id DESC")),
    Index(None, "interaction_id"),
)

# What an agent noted on an interaction.
notes = Table(
    "notes",
    metadata,
    id_column(),
    Column("interaction_id", BigInteger, nullable=False, index=True),
    Column("author", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("written_at", Instant, nullable=False),
)

# Who was named in a note (@ada), and when she saw it.
note_mentions = Table(
    "note_mentions",
    metadata,
    Column("note_id", BigInteger, primary_key=True),
    Column("agent", Text, primary_key=True),
    Column("seen_at", Instant),
    Index(None, "agent", "seen_at"),
)

# --- what we write -------------------------------------------------------------------------------------------------

# What an agent has begun to write in a conversation.
drafts = Table(
    "drafts",
    metadata,
    Column("agent", Text, primary_key=True),
    Column("conversation_id", BigInteger, primary_key=True, index=True),
    Column("content", Document, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

# Files that were added to a draft and belong to no letter yet.
uploads = Table(
    "uploads",
    metadata,
    id_column(),
    Column("agent", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("blob", Text, nullable=False),
    Column("uploaded_at", Instant, nullable=False),
    Index(None, "uploaded_at"),
)

# A mail of ours on its way. state: scheduled | queued | sent | perhaps | failed | cancelled; due_at: not before (undo
# and send later); unless_answered: cancelled if the other side writes first. blob: the mail itself. filed_at: its copy
# lies in the mailbox's Sent folder. claimed_until: somebody is sending it, or began to and was never heard of again.
letters = Table(
    "letters",
    metadata,
    id_column(),
    Column("key", Text, nullable=False, unique=True),
    Column("conversation_id", BigInteger, nullable=False, index=True),
    Column("source", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("content", Document, nullable=False),
    Column("blob", Text, nullable=False),
    Column("state", Text, nullable=False),
    text_column("reason"),
    Column("due_at", Instant, nullable=False),
    Column("unless_answered", Boolean, nullable=False, server_default=sa.false()),
    Column("attempts", Integer, nullable=False, server_default="0"),
    text_column("remote_id"),
    Column("claimed_until", Instant),
    Column("written_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("filed_at", Instant),
    Index(None, "state", "due_at"),
    Index(None, "filed_at", "state", "due_at"),
)

# What became of a letter at each of its recipients. state: queued | sent | delayed | failed | delivered | read |
# refused | bounced | complained.
letter_recipients = Table(
    "letter_recipients",
    metadata,
    Column("letter_id", BigInteger, primary_key=True),
    Column("handle", Text, primary_key=True),
    Column("role", Text, nullable=False),
    text_column("name"),
    Column("state", Text, nullable=False),
    text_column("reason"),
    Column("at", Instant, nullable=False),
    Index(None, "handle"),
)

# What a provider said of a text message before the hub had written down that it was sent. key: the interaction's.
receipts = Table(
    "receipts",
    metadata,
    Column("key", Text, primary_key=True),
    Column("state", Text, primary_key=True),
    text_column("reason"),
    Column("at", Instant, nullable=False),
    Index(None, "at"),
)

# Addresses that cannot be reached (a permanent bounce) or do not want to be (a complaint): nothing is sent there until
# somebody lifts it. reason: of hub.formats.reports.
undeliverable = Table(
    "undeliverable",
    metadata,
    Column("handle", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    text_column("diagnostic"),
    Column("interaction_id", BigInteger),
    Column("at", Instant, nullable=False),
)

# Answers to choose from. owner: an agent's own, "" shared. body: text with {{contact.name}} and the like.
canned = Table(
    "canned",
    metadata,
    id_column(),
    Column("title", Text, nullable=False),
    text_column("shortcut"),
    Column("body", Text, nullable=False),
    text_column("language"),
    text_column("owner"),
    text_column("team"),
    Column("uses", Integer, nullable=False, server_default="0"),
    Column("updated_at", Instant, nullable=False),
)

# What an answer was used for: the words of the message it answered, to find it again for a similar one.
canned_uses = Table(
    "canned_uses",
    metadata,
    id_column(),
    Column("canned_id", BigInteger, nullable=False, index=True),
    Column("interaction_id", BigInteger, nullable=False),
    Column("words", Document, nullable=False),
    Column("used_at", Instant, nullable=False),
    Index(None, "used_at"),
)

# What the hubs on this store sign with among themselves, by purpose.
keys = Table(
    "keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# What stands under an agent's mails, for one source or ("") for all.
signatures = Table(
    "signatures",
    metadata,
    Column("agent", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("text", Text, nullable=False),
)

# state: waiting (she is of the group, and not free yet) | ringing | answered | dismissed | over. expires_at: it is over
# then, if its call's end never comes. preferred: the agent whose customer calls. passed_by: who passes the call on.
pops = Table(
    "pops",
    metadata,
    id_column(),
    Column("interaction_id", BigInteger, nullable=False),
    Column("agent", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("mine", Boolean, nullable=False, server_default=sa.false()),
    Column("handle", Text, nullable=False),
    Column("line", Text, nullable=False),
    text_column("queue"),
    text_column("preferred"),
    text_column("passed_by"),
    Column("since", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("expires_at", Instant, nullable=False),
    Column("revision", Integer, nullable=False),
    Index(None, "interaction_id", "agent", unique=True),
    Index("ix_pops_ringing", "state", "agent"),
)

# --- what must not be lost ------------------------------------------------------------------------------------------

# Small blobs lie in `data`; large ones are files beside a SQLite store (see hub.store.blobs).
blobs = Table(
    "blobs",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("refs", Integer, nullable=False),
    Column("data", LargeBinary),
)

# kind: mail | delivery | event. about: what a replay needs (copy, headers, url). state: open | replayed.
quarantine = Table(
    "quarantine",
    metadata,
    id_column(),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("blob", Text, nullable=False),
    Column("about", Document, nullable=False),
    Column("state", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "blob", "source", "kind", unique=True),
)

# state: waiting | sent | perhaps | failed. One row per (destination, subject): newer state replaces what is not sent
# yet and raises the version, so that a delivery under way does not mark the newer state as sent. remote_id: what the
# destination calls the subject. claimed_until: somebody is sending it, or began to and was never heard of again.
outbox = Table(
    "outbox",
    metadata,
    id_column(),
    Column("destination", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("payload", Document, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", Instant, nullable=False),
    text_column("reason"),
    text_column("remote_id"),
    Column("claimed_until", Instant),
    Index(None, "destination", "subject", unique=True),
    Index(None, "destination", "state", "due_at"),
)

# One row per source: its lease, its cursor and its measured freshness.
# current_at: the last time at which a measurement found that we have all the provider has.
sources = Table(
    "sources",
    metadata,
    Column("name", Text, primary_key=True),
    Column("cursor", Text),
    Column("epoch", Integer, nullable=False, server_default="0"),
    text_column("holder"),
    Column("leased_until", Instant),
    Column("state", Text, nullable=False, server_default="new"),
    text_column("cause"),
    Column("behind_messages", Integer),
    Column("behind_seconds", Float),
    Column("measured_at", Instant),
    Column("current_at", Instant),
    Column("last_item_at", Instant),
    Column("items", BigInteger, nullable=False, server_default="0"),
    Column("next_try_at", Instant),
    Column("backfill_done", BigInteger),
    Column("backfill_total", BigInteger),
    Column("backfill_began_at", Instant),
)

# How far behind a source was, now and then over the last day.
lags = Table(
    "lags",
    metadata,
    Column("source", Text, primary_key=True),
    Column("at", Instant, primary_key=True),
    Column("messages", Integer),
    Column("seconds", Float),
)

# The test mail that a source sends to itself: the last one, and whether it came back.
canaries = Table(
    "canaries",
    metadata,
    Column("source", Text, primary_key=True),
    Column("token", Text, nullable=False),
    Column("sent_at", Instant, nullable=False),
    Column("arrived_at", Instant),
    text_column("cause"),
)

# What somebody permitted us at an OAuth provider for a source. The two tokens are encrypted (hub.grants). ends_at: the
# provider said when the permission ends. claimed_until: a hub is renewing it, and nobody else may try meanwhile.
grants = Table(
    "grants",
    metadata,
    Column("source", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("refresh_token", Text, nullable=False),
    Column("access_token", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("granted_at", Instant, nullable=False),
    Column("renewed_at", Instant, nullable=False),
    Column("ends_at", Instant),
    Column("claimed_until", Instant),
    text_column("cause"),
)

# Ways to an OAuth provider that somebody has begun and not come back from.
grant_requests = Table(
    "grant_requests",
    metadata,
    Column("state", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("login_id", BigInteger, nullable=False),
    Column("verifier", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
)

# How many deliveries a source refused, and why; nothing else of them is kept.
refusals = Table(
    "refusals",
    metadata,
    Column("source", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("last_at", Instant, nullable=False),
)

# --- calls ------------------------------------------------------------------------------------------------------------

# What two phone systems call the same call: events under `key` are those of the interaction under `into_key`.
call_keys = Table(
    "call_keys",
    metadata,
    Column("key", Text, primary_key=True),
    Column("into_key", Text, nullable=False, index=True),
)

# How an agent can be reached, on every channel. state: available | away | dnd; until: then it is over by itself.
availability = Table(
    "availability",
    metadata,
    Column("agent", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("until", Instant),
    text_column("note"),
    Column("changed_at", Instant, nullable=False),
)

# When an agent is out of the office, and who stands in.
absences = Table(
    "absences",
    metadata,
    id_column(),
    Column("agent", Text, nullable=False),
    Column("from_at", Instant, nullable=False),
    Column("until_at", Instant, nullable=False),
    text_column("stand_in"),
    text_column("note"),
    Index(None, "agent", "until_at"),
)

# What an agent says of a call once it is over. state: open | done. ends_at: the wrap-up time is over then, and she is
# rung again.
wrap_ups = Table(
    "wrap_ups",
    metadata,
    Column("interaction_id", BigInteger, primary_key=True),
    Column("agent", Text, primary_key=True),
    Column("state", Text, nullable=False),
    text_column("disposition"),
    Column("began_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("done_at", Instant),
    Index(None, "agent", "state"),
    Index(None, "state", "ends_at"),
)

# What somebody is to do, and by when: a promise made in a call, a next step.
tasks = Table(
    "tasks",
    metadata,
    id_column(),
    Column("title", Text, nullable=False),
    Column("due_at", Instant),
    text_column("owner"),
    Column("contact_id", BigInteger, ForeignKey("contacts.id", ondelete="SET NULL"), index=True),
    Column("interaction_id", BigInteger, index=True),
    text_column("created_by"),
    Column("created_at", Instant, nullable=False),
    Column("done_at", Instant),
    Index(None, "owner", "done_at", "due_at"),
)

# Numbers whose calls ring nowhere.
blocked_numbers = Table(
    "blocked_numbers",
    metadata,
    Column("handle", Text, primary_key=True),
    text_column("reason"),
    Column("actor", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

# What somebody agreed to, or does not want. purpose: call | record. given: false is a refusal (do not call). evidence:
# how we know, in words; interaction_id where it was said.
consents = Table(
    "consents",
    metadata,
    Column("handle", Text, primary_key=True),
    Column("purpose", Text, primary_key=True),
    Column("given", Boolean, nullable=False),
    text_column("evidence"),
    Column("interaction_id", BigInteger),
    Column("actor", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

# Calls that we place. state: wanted | placed | perhaps | refused | failed. key: the interaction's.
dials = Table(
    "dials",
    metadata,
    id_column(),
    text_column("key"),
    Column("agent", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("callee", Text, nullable=False),
    Column("line", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("state", Text, nullable=False),
    text_column("reason"),
    Column("entry_id", BigInteger),
    Column("at", Instant, nullable=False),
    Index(None, "key"),
    Index(None, "agent", "at"),
    Index(None, "callee", "at"),
    Index(None, "state", "at"),
)

# Lists that are called one after the other. state: paused | running | done. agent: who calls.
dial_lists = Table(
    "dial_lists",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("state", Text, nullable=False),
    text_column("line"),
    text_column("source"),
    Column("attempts", Integer, nullable=False, server_default="3"),
    Column("retry_minutes", Integer, nullable=False, server_default="60"),
    text_column("reason"),
    Column("created_at", Instant, nullable=False),
)

# state: waiting | calling | reached | machine | perhaps | refused | failed | skipped. due_at: not before.
dial_entries = Table(
    "dial_entries",
    metadata,
    id_column(),
    Column("list_id", BigInteger, ForeignKey("dial_lists.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("handle", Text, nullable=False),
    text_column("name"),
    text_column("note"),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", Instant, nullable=False),
    text_column("reason"),
    Column("dial_id", BigInteger),
    Column("changed_at", Instant, nullable=False),
    Index(None, "list_id", "state", "due_at", "position"),
    Index(None, "dial_id"),
)

# The ledger of missed calls. state: open | closed. closed_by: the interaction in which somebody reached the person, or
# who closed it by hand. alerted_at: somebody was told that it is overdue.
missed_calls = Table(
    "missed_calls",
    metadata,
    Column("interaction_id", BigInteger, primary_key=True, autoincrement=False),
    Column("handle", Text, nullable=False),
    Column("contact_id", BigInteger),
    text_column("owner"),
    Column("state", Text, nullable=False),
    Column("missed_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("closed_by", BigInteger),
    text_column("closed_how"),
    Column("alerted_at", Instant),
    Index(None, "state", "due_at"),
    Index(None, "handle", "state"),
    Index(None, "contact_id", "state"),
)

# The sound of calls. state: waiting | kept | unwanted (no policy allows it) | refused | failed | gone (kept long
# enough). reason: why. due_at: not fetched before. keep_until: deleted then.
recordings = Table(
    "recordings",
    metadata,
    id_column(),
    Column("interaction_id", BigInteger, nullable=False, index=True),
    Column("source", Text, nullable=False),
    Column("provider_id", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("voicemail", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    text_column("reason"),
    text_column("blob"),
    text_column("media_type"),
    Column("size", BigInteger, nullable=False, server_default="0"),
    Column("seconds", Integer),
    Column("channels", Integer),
    Column("started_at", Instant),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", Instant, nullable=False),
    Column("claimed_until", Instant),
    Column("keep_until", Instant),
    Index(None, "source", "provider_id", unique=True),
    Index(None, "state", "due_at"),
    Index(None, "keep_until"),
)

# Callers who wait in a queue of a routing plan. place: where in the plan they are.
queued_calls = Table(
    "queued_calls",
    metadata,
    Column("key", Text, primary_key=True),
    Column("plan", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Index(None, "queue", "since"),
)

# --- calendars and booking ------------------------------------------------------------------------------------------

# What lies in the calendars that are read: the iCalendar text of one UID, or of one instance of it where the provider
# keeps those apart (expanded: it tells every occurrence, so the series' rule itself takes no time). private: nothing
# but its time is shown to anyone else than the calendar's owner.
calendar_objects = Table(
    "calendar_objects",
    metadata,
    id_column(),
    Column("source", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("provider_id", Text, nullable=False),
    Column("uid", Text, nullable=False),
    text_column("etag"),
    text_column("title"),
    text_column("audience"),
    Column("private", Boolean, nullable=False, server_default=sa.false()),
    Column("expanded", Boolean, nullable=False, server_default=sa.false()),
    Column("raw", LargeBinary, nullable=False),
    Column("changed_at", Instant, nullable=False),
    sa.UniqueConstraint("source", "place", "provider_id"),
    Index(None, "source", "place", "uid"),
    Index(None, "uid"),
)

# When the events of one UID in one calendar take place, expanded from *since* until *until*: packed as hub.calendars
# says. made_by names what it was made from (etags, zone, tzdata, version of the code). refused: why it cannot be
# expanded. begins_at: when the next occurrence of a series with somebody from outside begins, which is then an
# interaction of its own. A row that is missing is to be made.
calendar_busy = Table(
    "calendar_busy",
    metadata,
    Column("source", Text, primary_key=True),
    Column("place", Text, primary_key=True),
    Column("uid", Text, primary_key=True),
    Column("made_by", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("times", LargeBinary, nullable=False),
    text_column("refused"),
    Column("begins_at", Instant),
    Index(None, "begins_at"),
    Index(None, "until"),
)

# Grows with every change of what a source's calendars hold: who keeps anything computed from them looks here first.
calendar_versions = Table(
    "calendar_versions",
    metadata,
    Column("source", Text, primary_key=True),
    Column("version", BigInteger, nullable=False, server_default="0"),
)

# Event types that were made on a page (those of the config file are not here). spec is what
# `hub.booking.types.EventType` reads. A slug that is archived stays taken.
event_types = Table(
    "event_types",
    metadata,
    Column("slug", Text, primary_key=True),
    Column("spec", Document, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("archived", Boolean, nullable=False, server_default=sa.false()),
    text_column("actor"),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

# A meeting that was booked, or is being booked: what takes the hosts' time and lies in their calendars. state: held (a
# visitor fills in the form), asked (a host has to agree), confirmed, cancelled, declined, released (nothing came of
# it). organizer: the host in whose name it is. why: how the hosts were chosen. notifier: hub or provider. overlaps: it
# was moved in a calendar onto another one, and excludes nothing any more.
appointments = Table(
    "appointments",
    metadata,
    id_column(),
    Column("uid", Text, nullable=False, unique=True),
    Column("event_type", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("zone", Text, nullable=False),
    Column("organizer", Text, nullable=False),
    Column("sequence", Integer, nullable=False, server_default="0"),
    Column("title", Text, nullable=False),
    text_column("place"),
    Column("why", Document, nullable=False, server_default="[]"),
    Column("notifier", Text, nullable=False, server_default="hub"),
    Column("overlaps", Boolean, nullable=False, server_default=sa.false()),
    Column("held_until", Instant),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Index(None, "state", "held_until"),
    Index(None, "starts_at"),
    Index(None, "event_type", "starts_at"),
)

# Whose time an appointment takes, buffers included. Where active, the times of one agent never overlap: the database
# itself refuses it (see the migration).
appointment_hosts = Table(
    "appointment_hosts",
    metadata,
    Column("appointment_id", BigInteger, ForeignKey("appointments.id", ondelete="CASCADE"), primary_key=True),
    Column("agent", Text, primary_key=True),
    Column("blocked_from", Instant, nullable=False),
    Column("blocked_until", Instant, nullable=False),
    Column("active", Boolean, nullable=False),
    Index(None, "agent", "blocked_until"),
)

# What is to be written into a host's calendar, and where it lies there. wanted: put or delete; state: due, doing,
# done, failed. Nothing is done twice at once: claimed_until.
appointment_writes = Table(
    "appointment_writes",
    metadata,
    Column("appointment_id", BigInteger, ForeignKey("appointments.id", ondelete="CASCADE"), primary_key=True),
    Column("agent", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("wanted", Text, nullable=False),
    Column("state", Text, nullable=False),
    text_column("place"),
    text_column("provider_id"),
    text_column("etag"),
    text_column("uid"),
    Column("sequence", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", Instant, nullable=False),
    Column("claimed_until", Instant),
    text_column("reason"),
    Index(None, "state", "due_at"),
    Index(None, "uid"),
)

# Somebody's seat in an appointment. seat: 1 up to the event type's seats, each taken once. secret: the hash of what
# makes her links hers. answers: to the questions, by their id. link: the one-time link she came by.
bookings = Table(
    "bookings",
    metadata,
    id_column(),
    Column("appointment_id", BigInteger, ForeignKey("appointments.id", ondelete="CASCADE"), nullable=False),
    Column("seat", Integer, nullable=False, server_default="1"),
    Column("state", Text, nullable=False),
    text_column("name"),
    text_column("mail"),
    text_column("phone"),
    Column("zone", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("answers", Document, nullable=False, server_default="{}"),
    Column("contact_id", BigInteger, ForeignKey("contacts.id", ondelete="SET NULL")),
    Column("secret", Text, nullable=False, unique=True),
    Column("link_id", BigInteger),
    Column("held_until", Instant),
    text_column("ended_by"),
    text_column("reason"),
    Column("no_show", Boolean, nullable=False, server_default=sa.false()),
    Column("created_at", Instant, nullable=False),
    Index(None, "appointment_id"),
    Index(None, "contact_id"),
    Index(None, "mail"),
    Index(
        "uq_bookings_seat",
        "appointment_id",
        "seat",
        unique=True,
        sqlite_where=sa.text("state IN ('held', 'asked', 'confirmed')"),
        postgresql_where=sa.text("state IN ('held', 'asked', 'confirmed')"),
    ),
)

# What the people of a booking are to be told, and when: kind is booked, asked, moved, cancelled, declined, proposed,
# reminder, follow-up. sequence: the state of the appointment it tells of, so that each is told once. letter_id: the
# mail or text that told it.
booking_notices = Table(
    "booking_notices",
    metadata,
    id_column(),
    Column("booking_id", BigInteger, ForeignKey("bookings.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("way", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("sequence", Integer, nullable=False, server_default="0"),
    Column("due_at", Instant, nullable=False),
    Column("state", Text, nullable=False, server_default="due"),
    text_column("reason"),
    Column("letter_id", BigInteger),
    sa.UniqueConstraint("booking_id", "kind", "way", "recipient", "sequence", "due_at"),
    Index(None, "state", "due_at"),
)

# Links with which one person may book once: hash of its secret, for which event type, and as which contact.
booking_links = Table(
    "booking_links",
    metadata,
    id_column(),
    Column("hash", Text, nullable=False, unique=True),
    Column("event_type", Text, nullable=False),
    Column("contact_id", BigInteger, ForeignKey("contacts.id", ondelete="CASCADE")),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    text_column("actor"),
    Column("created_at", Instant, nullable=False),
)

# The secret address under which an agent's bookings are published as a calendar, or only when she is busy.
calendar_feeds = Table(
    "calendar_feeds",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("agent", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("read_at", Instant),
    Index(None, "agent"),
)

# --- people at the hub ----------------------------------------------------------------------------------------------

logins = Table(
    "logins",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("password", Text, nullable=False),
    Column("role", Text, nullable=False),
    text_column("agent"),
    text_column("language"),
    text_column("timezone"),
    Column("disabled", Boolean, nullable=False, server_default=sa.false()),
    Column("created_at", Instant, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("login_id", BigInteger, ForeignKey("logins.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("csrf", Text, nullable=False),
    text_column("client"),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
)

# Links that are good once: to create the first administrator, or to set a password.
invitations = Table(
    "invitations",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("role", Text, nullable=False),
    text_column("name"),
    Column("expires_at", Instant, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("hash", Text, nullable=False, unique=True),
    Column("scope", Text, nullable=False),
    text_column("agent"),
    Column("created_at", Instant, nullable=False),
    Column("used_at", Instant),
)

# Record ids only: never names, addresses or subjects.
audit = Table(
    "audit",
    metadata,
    id_column(),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("record", Text, nullable=False),
)


def search_ddl(dialect: str) -> tuple[str, ...]:
    """The statements that make the full-text index of interactions for *dialect* ("sqlite" or "postgresql").

    The indexed text is what `hub.formats.search.terms` makes, so that both find the same.
    """
    if dialect == "sqlite":
        return ("CREATE VIRTUAL TABLE search USING fts5(body, tokenize = 'unicode61 remove_diacritics 0')",)
    return (
        "CREATE TABLE search (interaction_id BIGINT PRIMARY KEY, body TSVECTOR NOT NULL)",
        "CREATE INDEX ix_search_body ON search USING gin (body)",
    )
