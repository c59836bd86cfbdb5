"""What every dialer must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import ClassVar

import pytest

import hub
from tests.contracts.connector import assert_readable
from tests.contracts.proxy import Proxy, proxy
from tests.servers.process import free_port


class DialerContract(ABC):
    """Subclass it, name it `Test...`, and say how the provider is spoken to.

    *provider_port* is a fixture of the subclass: where the real or fake server listens.
    """

    wanted: ClassVar[hub.Dial]
    """A call that can be placed."""

    out_of_reach: ClassVar[Sequence[str]] = ("elsewhere/21", "mailto:ada@example.org", "")
    """Phones that this provider cannot ring."""

    @abstractmethod
    def dialer(self, port: int) -> hub.Dialer:
        """A dialer with right settings, to the server on *port* of this machine."""

    @abstractmethod
    def refused(self, port: int) -> hub.Dialer:
        """The same with a credential that the provider refuses."""

    @abstractmethod
    async def placed(self) -> Sequence[tuple[str, str, str]]:
        """The calls that the provider was asked to place: the phone that rings first, the callee and the line that she
        sees, all as handles or extensions."""

    @abstractmethod
    async def over(self, key: str) -> bool:
        """Whether the provider has ended the call of *key*."""

    def loses_the_answer(self, between: Proxy) -> None:
        """Make *between* break off once the provider has been asked to call, before its answer comes. This breaks at
        the first thing the provider says; a protocol that greets overrides it."""
        between.edit = lambda _: None

    @asynccontextmanager
    async def opened(self, dialer: hub.Dialer) -> AsyncIterator[hub.Dialer]:
        """*dialer*, closed in the end."""
        try:
            yield dialer
        finally:
            await dialer.close()

    async def test_rings_the_colleague_first_and_then_the_callee_who_sees_the_line(self, provider_port: int) -> None:
        async with self.opened(self.dialer(provider_port)) as dialer:
            assert dialer.ready
            assert dialer.reaches(self.wanted.phone)
            dialled = await dialer.dial(self.wanted)
        assert dialled.key.partition(":")[2], "the key names the call within its namespace"
        assert list(await self.placed()) == [(self.wanted.phone, self.wanted.callee, self.wanted.line)]

    async def test_hangs_up_and_what_is_over_stays_over(self, provider_port: int) -> None:
        async with self.opened(self.dialer(provider_port)) as dialer:
            key = (await dialer.dial(self.wanted)).key
            await dialer.hang_up(key)
            assert await self.over(key)
            await dialer.hang_up(key)
            assert await self.over(key)

    async def test_a_phone_out_of_reach_is_unsupported(self, provider_port: int) -> None:
        async with self.opened(self.dialer(provider_port)) as dialer:
            for phone in self.out_of_reach:
                assert not dialer.reaches(phone)
                with pytest.raises(hub.Unsupported) as told:
                    await dialer.dial(replace(self.wanted, phone=phone))
                assert_readable(told.value)
            with pytest.raises(hub.Unsupported):
                await dialer.dial(replace(self.wanted, callee="mailto:ada@example.org"))
        assert list(await self.placed()) == []

    async def test_a_refused_credential_is_rejected(self, provider_port: int) -> None:
        async with self.opened(self.refused(provider_port)) as dialer:
            with pytest.raises(hub.Rejected) as told:
                await dialer.dial(self.wanted)
        assert_readable(told.value)

    async def test_a_server_that_is_not_there_is_unavailable(self) -> None:
        async with self.opened(self.dialer(free_port())) as dialer:
            with pytest.raises(hub.Unavailable) as told:
                await dialer.dial(self.wanted)
        assert_readable(told.value)

    async def test_a_call_of_which_no_answer_tells_has_perhaps_been_placed(self, provider_port: int) -> None:
        async with proxy(provider_port) as between, self.opened(self.dialer(between.port)) as dialer:
            self.loses_the_answer(between)
            with pytest.raises(TimeoutError):
                await dialer.dial(self.wanted)

    async def test_closing_it_closes_its_sockets(self, provider_port: int) -> None:
        async with proxy(provider_port) as between:
            dialer = self.dialer(between.port)
            await dialer.dial(self.wanted)
            await dialer.close()
            await between.until(open=0)
