"""FreeSWITCH over its Event Socket; docs/FREESWITCH.md describes it."""

from connectors.freeswitch.connector import Connector
from connectors.freeswitch.dialer import Dialer
from connectors.freeswitch.recorder import Recorder

__all__ = ["Connector", "Dialer", "Recorder"]
