"""Meetings: what calendars and mails say of them (iTIP, RFC 5546), and what that amounts to."""

from hub.meetings.said import event_of

__all__ = ["event_of"]
