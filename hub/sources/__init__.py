"""Sources: what keeps every mailbox, number and door listening, and what the store knows of each.

`supervisor` runs them. Each has a keeper (`keeper` for doors, `listener` for connectors) that does what a verdict asks
for. What would cost something for each of a thousand sources is done for all of them at once: `leases` holds them,
`lag` measures them at a spread pace, `reading` writes how far first readings are, `states` how each does. `alerts`
tells administrators once in an episode, `habits` knows when a source is unusually quiet, and `canary` sends a mail all
the way round.
"""

from hub.sources.states import State

__all__ = ["State"]
