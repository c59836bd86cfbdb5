"""What the hub tells Twilio to do with a call: https://www.twilio.com/docs/voice/twiml

Twilio's own builders have no types, and TwiML is a handful of elements.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode
from xml.etree.ElementTree import Element, SubElement, tostring

import hub
from connectors.twilio.addresses import called, rings

RETRIES = "#rc=3&rp=all"
"""Behind a callback's URL: Twilio repeats it three times, whatever went wrong. It is neither sent nor signed."""

EVENTS = ("initiated", "ringing", "answered", "completed")


def told(step: hub.Step, webhook_url: str, line: str, *, ringing: bool) -> bytes:
    """The TwiML that does *step*, and asks *webhook_url* what comes then. *line* is the number that was called;
    *ringing*: the call has not been taken yet."""
    response = Element("Response")
    action = step.action

    def then(did: str) -> str:
        return f"{webhook_url}?{urlencode({'at': step.place, 'did': did})}"

    if isinstance(action, hub.Listen):
        gather = SubElement(
            response,
            "Gather",
            input="dtmf",
            numDigits=str(action.most),
            timeout=str(action.seconds),
            action=then("listen"),
            method="POST",
            actionOnEmptyResult="true",
            # A single key may be # or *; of several digits # says that there are no more.
            finishOnKey="#" if action.most > 1 else "",
        )
        _prompts(gather, step.prompts)
        return _bytes(response)
    _prompts(response, step.prompts)
    if isinstance(action, hub.Ring):
        phones = [phone for phone in action.phones if rings(phone)]
        if phones:
            _dial(response, phones, action, then("ring"), webhook_url, line)
        else:
            _redirect(response, then("unreached"))
    elif isinstance(action, hub.Wait):
        if action.music.startswith("https://"):
            SubElement(response, "Play").text = action.music
        else:
            SubElement(response, "Pause", length=str(action.seconds))
        _redirect(response, then("wait"))
    elif isinstance(action, hub.TakeMessage):
        SubElement(
            response,
            "Record",
            maxLength=str(action.seconds),
            playBeep="true",
            action=then("take"),
            method="POST",
            recordingStatusCallback=f"{webhook_url}{RETRIES}",
            recordingStatusCallbackEvent="completed absent",
        )
        _redirect(response, then("take"))  # Twilio goes on here where nothing was said
    elif isinstance(action, hub.HangUp):
        if action.busy and ringing and not step.prompts:
            SubElement(response, "Reject", reason="busy")
        else:
            SubElement(response, "Hangup")
    else:
        _redirect(response, then("say"))
    return _bytes(response)


def connected(callee: str, line: str, webhook_url: str, *, seconds: int, machine: bool) -> str:
    """The TwiML for a colleague whose phone we rang first: it rings *callee*, who sees *line*. Raises `Unsupported`."""
    response = Element("Response")
    dial = SubElement(response, "Dial", answerOnBridge="true", callerId=called(line), timeout=str(seconds))
    detection = {}
    if machine and not callee.startswith("client:"):
        detection = {"machineDetection": "Enable", "amdStatusCallback": f"{webhook_url}{RETRIES}"}
    _phone(dial, callee, f"{webhook_url}{RETRIES}", detection)
    return _bytes(response).decode()


def _prompts(within: Element, prompts: Iterable[hub.Prompt]) -> None:
    for prompt in prompts:
        if prompt.audio.startswith("https://"):
            SubElement(within, "Play").text = prompt.audio
        elif prompt.text:
            language = {"language": prompt.language} if prompt.language else {}
            SubElement(within, "Say", language).text = prompt.text


def _dial(response: Element, phones: Iterable[str], action: hub.Ring, then: str, webhook_url: str, line: str) -> None:
    dial = SubElement(response, "Dial", answerOnBridge="true", timeout=str(action.seconds), action=then, method="POST")
    if action.record:
        dial.set("record", "record-from-answer-dual")
        dial.set("recordingStatusCallback", f"{webhook_url}{RETRIES}")
        dial.set("recordingStatusCallbackEvent", "completed absent")
    # A leg does not know which of our numbers was called.
    callback = f"{webhook_url}?{urlencode({'line': line})}{RETRIES}" if line else f"{webhook_url}{RETRIES}"
    for phone in phones:
        _phone(dial, phone, callback, {})


def _phone(dial: Element, phone: str, callback: str, more: dict[str, str]) -> None:
    scheme = phone.partition(":")[0]
    kind = {"tel": "Number", "client": "Client"}.get(scheme, "Sip")
    attributes = {"statusCallback": callback, "statusCallbackEvent": " ".join(EVENTS), **more}
    SubElement(dial, kind, attributes).text = called(phone).removeprefix("client:")


def _redirect(response: Element, url: str) -> None:
    SubElement(response, "Redirect", method="POST").text = url


def _bytes(response: Element) -> bytes:
    document: bytes = tostring(response, encoding="UTF-8", xml_declaration=True)
    return document
