"""Live events: hints to the screens of the agents. What is true stands in SQL; see `hub.pops`."""

from hub.live.bus import Live, LiveEvent, SlowReader, Subscription

__all__ = ["Live", "LiveEvent", "SlowReader", "Subscription"]
