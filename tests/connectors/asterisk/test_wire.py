"""The manager interface on the wire, however the stream was cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.asterisk.wire import LONGEST_LINE, MOST_LINES, Framer, Packet, action
from tests.connectors.asterisk.test_recordings import CORPUS

STREAM = b"Asterisk Call Manager/9.0.0\r\n\r\n" + CORPUS[0].read_bytes()[:6000]
NAMES = st.text("ABCDEFabcdef-", min_size=1, max_size=12)
VALUES = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs", "Zs", "Cc"]), max_size=40)


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
@settings(max_examples=60, deadline=None)
def test_the_same_packets_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    framer = Framer()
    places = [0, *sorted(cuts), len(STREAM)]
    packets = [packet for start, end in pairwise(places) for packet in framer.feed(STREAM[start:end])]
    assert packets == Framer().feed(STREAM)


@given(st.lists(st.dictionaries(NAMES, VALUES, min_size=1, max_size=5), max_size=5))
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read(blocks: list[dict[str, str]]) -> None:
    stream = b"".join(action("Ping", fields.items()) for fields in blocks)
    read = Framer().feed(stream)
    assert len(read) == len(blocks)
    for packet, fields in zip(read, blocks, strict=True):
        lower = {name.lower() for name in fields} - {"action", "output"}
        assert lower <= set(packet.fields)


@given(st.binary(max_size=3000))
@settings(max_examples=60, deadline=None)
def test_bytes_that_are_no_manager_interface_break_nothing(data: bytes) -> None:
    for packet in Framer().feed(data + b"\r\n\r\n"):
        assert isinstance(packet, Packet)


def test_ami_cut_in_mid_event_says_nothing_of_that_event() -> None:
    framer = Framer()
    assert framer.feed(b"Event: Hangup\r\nUniqueid: 1.1\r\nCau") == []
    assert framer.feed(b"se: 16\r\n\r\n") == [Packet({"event": "Hangup", "uniqueid": "1.1", "cause": "16"})]


def test_a_line_without_an_end_is_cut_off_and_the_next_packet_is_whole() -> None:
    framer = Framer()
    for _ in range(40):
        assert framer.feed(b"Event: VarSet\r\nValue: " if _ == 0 else b"x" * 10_000) == []
    [first, second] = framer.feed(b"\r\n\r\nEvent: Hangup\r\n\r\n")
    assert len(first["Value"]) < LONGEST_LINE
    assert second.event == "Hangup"


def test_a_block_without_an_end_is_bounded() -> None:
    [packet] = Framer().feed(b"".join(b"Field%d: 1\r\n" % number for number in range(MOST_LINES * 2)) + b"\r\n")
    assert len(packet.fields) == MOST_LINES


def test_names_that_are_not_utf8_are_read_as_old_phones_write_them() -> None:
    [packet] = Framer().feed(b"CallerIDName: M\xfcller\r\nOther: \x00M\xc3\xbcller\r\n\r\n")
    assert (packet["CallerIDName"], packet["Other"]) == ("Müller", "Müller")


@pytest.mark.parametrize(
    "said",
    [
        b"Response: Success\r\nOutput: one\r\nOutput: two: 2\r\n\r\n",
        b"Response: Follows\r\none\r\n\r\ntwo: 2\r\n--END COMMAND--\r\n\r\n",
    ],
    ids=["since 13", "before 13"],
)
def test_the_output_of_a_command(said: bytes) -> None:
    [packet] = Framer().feed(said)
    assert packet.succeeded
    assert "one" in packet.output


def test_a_value_cannot_begin_another_line() -> None:
    with pytest.raises(ValueError, match="one line"):
        action("Originate", [("CallerID", "x\r\nAction: Command")])
