"""Which phones a call rings, said the plain way."""

from __future__ import annotations

from hub import Call, CallState, Direction, Leg


def ringing(call: Call) -> tuple[Leg, ...]:
    """The phones of ours that ring now. A call that we make rings at the other end, so it has none."""
    if call.state is CallState.ENDED or call.direction is Direction.OUTBOUND:
        return ()
    return tuple(leg for leg in call.legs if leg.state is CallState.RINGING)
