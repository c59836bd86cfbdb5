"""What Twilio's error codes mean for who reads them: https://www.twilio.com/docs/api/errors"""

from __future__ import annotations

OUTSIDE_WINDOW = 63016

_WORDS = {
    21211: "this is no number that can be written to",
    21408: "the account may not send to this country; allow it under Geo permissions",
    21610: "the recipient has asked for no more messages (STOP)",
    21612: "the sending number cannot reach this recipient",
    21614: "this number takes no text messages",
    21617: "the text is longer than 1,600 characters",
    30001: "too many messages are waiting",
    30002: "the account is suspended",
    30003: "the phone cannot be reached: switched off, or without a network",
    30004: "the recipient or her carrier blocks the message",
    30005: "the number is unknown, or not in use any more",
    30006: "this is a landline, or a carrier that cannot be reached",
    30007: "the carrier filtered the message",
    30008: "the carrier does not say why",
    30034: "the sending number is not registered for messages to the United States",
    63003: "this number is not on WhatsApp",
    OUTSIDE_WINDOW: "the last word of this person is more than 24 hours old, so only a template may be sent",
    63018: "too many messages are sent from this number",
    63024: "this is no number that can be written to on WhatsApp",
    63049: "WhatsApp did not deliver it, to spare the recipient advertising",
}


def reason(code: int | str | None, words: str = "") -> str:
    """Why it failed, as one line: our words for common codes, else Twilio's own *words*, with the code."""
    try:
        number = int(code or 0)
    except ValueError:
        number = 0
    said = _WORDS.get(number) or words.strip().rstrip(".")
    if not number:
        return said
    return f"{said} ({number})" if said else f"Twilio's error {number}"
