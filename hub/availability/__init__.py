"""How an agent can be reached, on every channel: what she says, what she does now, and when she works.

`standings` answers for all agents at a moment; `Availability` keeps it and tells the screens.
"""

from hub.availability.desk import Availability, NotYours, Refused
from hub.availability.rows import Absence, now_read, read
from hub.availability.states import Declared, Known, Rota, Standing, State, standings, stands_in

__all__ = [
    "Absence",
    "Availability",
    "Declared",
    "Known",
    "NotYours",
    "Refused",
    "Rota",
    "Standing",
    "State",
    "now_read",
    "read",
    "standings",
    "stands_in",
]
