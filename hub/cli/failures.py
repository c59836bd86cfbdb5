"""What went wrong, as one line for the person who typed the command."""

from __future__ import annotations

import traceback

from hub.config import ConfigError
from hub.control import KNOWN
from hub.logs import debugging
from hub.registry import BrokenPlugin
from hub.store import StoreLocked


def told(error: Exception) -> str:
    """The line (for a config with several faults: the lines) that says what is wrong and what to do."""
    if debugging():
        return "".join(traceback.format_exception(error)).rstrip()
    if isinstance(error, ConfigError):
        return "\n".join(f"hub: {line}" for line in str(error).splitlines())
    if isinstance(error, (*KNOWN, StoreLocked, BrokenPlugin)):
        return f"hub: {' '.join(str(error).split())}"
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"hub: {place}{error.strerror}."
    return f"hub: something the hub did not expect ({type(error).__name__}). Set HUB_DEBUG=1 to see where."
