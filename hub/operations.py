"""Every operation that commands may ask for, by its name (`hub.control`)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hub import bulk, loans, quarantine, staff
from hub.booking import operations as booking
from hub.crm import imports
from hub.dialing import operations as dialing
from hub.grants import report
from hub.operation import Operation
from hub.routing import operations as routing
from hub.sources import operations as sources

OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "contacts.import": imports.import_operation,
        "grants.examine": report.examine_operation,
        "grants.lend": loans.lend_operation,
        "ingest": bulk.ingest,
        "quarantine.list": quarantine.list_operation,
        "quarantine.replay": quarantine.replay_operation,
        "quarantine.show": quarantine.show_operation,
        "sources": sources.list_operation,
        **booking.OPERATIONS,
        **dialing.OPERATIONS,
        **routing.OPERATIONS,
        **staff.OPERATIONS,
    }
)
