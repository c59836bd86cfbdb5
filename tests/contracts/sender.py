"""What every sender of chats or posts must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

import hub
from tests.contracts.connector import assert_readable
from tests.contracts.proxy import proxy
from tests.servers.process import free_port

EXACT = "Grüße 👩‍🚒🎉 — 报价已发送\n\n  second line, <b>not bold</b> & *not* _either_"
"""A text that arrives as it is: emoji of several code points, Chinese, line ends, and what looks like markup."""


@dataclass(frozen=True, slots=True)
class Where:
    """A conversation that the other side has begun: as its events call it, between our handle and *theirs*. *answers*
    is the key of a message in it, "" where an answer names none."""

    conversation: str
    ours: str
    theirs: str
    answers: str = ""


@dataclass(frozen=True, slots=True)
class Came:
    """A message of ours as the other side has it: its text as she reads it, and its files by name. A file that came as
    a message of its own has no text."""

    text: str
    files: tuple[tuple[str, bytes], ...] = ()


class SenderContract(ABC):
    """Subclass it, name it `Test...`, and say how the provider is spoken to.

    *provider_port* is a fixture of the subclass: where the real or fake server listens. For each test it has a
    conversation in which nothing of ours has been said yet.
    """

    channel: ClassVar[hub.Channel] = hub.Channel.CHAT
    """On which of the sender's channels."""

    marker: ClassVar[bytes]
    """What a request that sends a message holds and no other does, as it goes over the wire: right after it the
    connection is broken."""

    idempotent: ClassVar[bool] = False
    """Whether the provider takes the same letter (`Letter.key`) once, however often it is sent."""

    @abstractmethod
    def sender(self, port: int) -> hub.Sender:
        """A sender with right settings, to the server on *port* of this machine."""

    @abstractmethod
    def refused(self, port: int) -> hub.Sender:
        """The same with a credential that the provider refuses."""

    @abstractmethod
    def where(self) -> Where:
        """The conversation of this test."""

    @abstractmethod
    async def came(self, count: int) -> Sequence[Came]:
        """What has come to the other side in this test from us, in order, once there are *count* messages at least."""

    @abstractmethod
    async def told(self, port: int) -> Sequence[hub.Event]:
        """What the source's connector or webhook tells of the messages that we have sent in this test."""

    def unknown(self) -> Sequence[Where]:
        """Conversations that the provider does not know and says so; empty where it cannot say."""
        return ()

    def letter(self, text: str, *enclosures: hub.Enclosure, key: str = "letter:1") -> hub.Letter:
        """A letter into this test's conversation."""
        where = self.where()
        return hub.Letter(
            key=key,
            sender=where.ours,
            recipients=(where.theirs,),
            raw=text.encode(),
            channel=self.channel,
            conversation=where.conversation,
            answers=where.answers,
            enclosures=enclosures,
        )

    def speech(self, sender: hub.Sender) -> hub.Speech:
        """What may be said on the channel."""
        return sender.speech[self.channel]

    @asynccontextmanager
    async def opened(self, sender: hub.Sender) -> AsyncIterator[hub.Sender]:
        """*sender*, closed in the end."""
        try:
            yield sender
        finally:
            await sender.close()

    async def test_what_is_sent_once_arrives_once_word_for_word(self, provider_port: int) -> None:
        async with self.opened(self.sender(provider_port)) as sender:
            assert sender.ready
            assert self.channel in sender.channels
            sent = await sender.send(self.letter(EXACT))
        assert [each.text for each in await self.came(1)] == [EXACT]
        assert not sent.refused

    async def test_several_arrive_in_their_order(self, provider_port: int) -> None:
        async with self.opened(self.sender(provider_port)) as sender:
            for number in range(3):
                await sender.send(self.letter(f"number {number}", key=f"letter:{number}"))
        assert [each.text for each in await self.came(3)] == ["number 0", "number 1", "number 2"]

    async def test_the_providers_own_word_of_it_has_the_key_that_was_said(self, provider_port: int) -> None:
        async with self.opened(self.sender(provider_port)) as sender:
            sent = await sender.send(self.letter("once in the inbox"))
        assert sent.key
        (event,) = await self.told(provider_port)
        assert event.key == sent.key
        assert event.conversation == self.where().conversation
        assert isinstance(event.facts, hub.Message | hub.Mention)
        assert event.facts.text == "once in the inbox"
        began = [each.handle for each in event.facts.participants or () if each.role.begins]
        assert began == [self.where().ours]

    async def test_files_arrive_with_name_and_bytes(self, provider_port: int) -> None:
        async with self.opened(self.sender(provider_port)) as sender:
            if not self.speech(sender).enclosures:
                with pytest.raises(hub.Unsupported) as told:
                    await sender.send(self.letter("with a file", hub.Enclosure("a.txt", "text/plain", b"a")))
                assert_readable(told.value)
                return
            data = bytes(range(256)) * 40
            files = (hub.Enclosure("报价 1.bin", "application/octet-stream", data),)
            await sender.send(self.letter("with a file", *files))
            await sender.send(self.letter("", *files, key="letter:2"))
            most = self.speech(sender).largest
            with pytest.raises(hub.Unsupported):
                await sender.send(
                    self.letter("", hub.Enclosure("large.bin", "application/octet-stream", bytes(most + 1)), key="l:3")
                )
        came = await self.came(2)
        assert [text for each in came if (text := each.text)] == ["with a file"]
        assert [file for each in came for file in each.files] == [("报价 1.bin", data)] * 2

    async def test_what_is_never_taken_is_unsupported(self, provider_port: int) -> None:
        async with self.opened(self.sender(provider_port)) as sender:
            longest = self.speech(sender).longest
            assert longest > 0
            with pytest.raises(hub.Unsupported) as told:
                await sender.send(self.letter("x" * (longest + 1)))
            assert_readable(told.value)
            with pytest.raises(hub.Unsupported):
                await sender.send(self.letter(""))
            for where in self.unknown():
                stray = replace(
                    self.letter("to nobody"),
                    conversation=where.conversation,
                    recipients=(where.theirs,),
                    answers=where.answers,
                )
                with pytest.raises(hub.Unsupported) as told:
                    await sender.send(stray)
                assert_readable(told.value)
        assert await self.came(0) == []

    async def test_the_longest_text_arrives_whole(self, provider_port: int) -> None:
        async with self.opened(self.sender(provider_port)) as sender:
            text = ("0123456789价" * (self.speech(sender).longest // 11 + 1))[: self.speech(sender).longest]
            await sender.send(self.letter(text))
        assert [each.text for each in await self.came(1)] == [text]

    async def test_a_refused_credential_is_rejected(self, provider_port: int) -> None:
        async with self.opened(self.refused(provider_port)) as sender:
            with pytest.raises(hub.Rejected) as told:
                await sender.send(self.letter("never said"))
        assert_readable(told.value)
        assert await self.came(0) == []

    async def test_a_server_that_is_not_there_is_unavailable(self, provider_port: int) -> None:
        async with self.opened(self.sender(free_port())) as sender:
            with pytest.raises(hub.Unavailable) as told:
                await sender.send(self.letter("never said"))
        assert_readable(told.value)
        assert await self.came(0) == []

    async def test_an_answer_that_never_comes_leaves_it_open(self, provider_port: int) -> None:
        async with proxy(provider_port) as between, self.opened(self.sender(between.port)) as sender:
            between.edit = lambda block: None if self.marker in between.sent else block
            with pytest.raises(TimeoutError):
                await sender.send(self.letter("perhaps said"))
            between.sent.clear()
            between.edit = lambda block: block
            if self.idempotent:
                await sender.send(self.letter("perhaps said"))
                assert [each.text for each in await self.came(1)] == ["perhaps said"]
        assert len(await self.came(0)) <= 1

    async def test_closing_it_closes_its_sockets(self, provider_port: int) -> None:
        async with proxy(provider_port) as between:
            sender = self.sender(between.port)
            await sender.send(self.letter("then quiet"))
            await sender.close()
            await between.until(open=0)
