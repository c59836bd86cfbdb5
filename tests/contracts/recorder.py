"""What every recorder must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

import hub
from tests.contracts.connector import assert_readable
from tests.contracts.proxy import proxy
from tests.servers.process import free_port

MOST = 1 << 20


class RecorderContract(ABC):
    """Subclass it, name it `Test...`, and say how the provider is spoken to.

    *provider_port* is a fixture of the subclass: where the real or fake server listens. Addresses in recordings are
    of the server as the recorder knows it, on *port*.
    """

    @abstractmethod
    def recorder(self, port: int) -> hub.Recorder:
        """A recorder with right settings, to the server on *port* of this machine."""

    @abstractmethod
    def refused(self, port: int) -> hub.Recorder:
        """The same with a credential that the provider refuses."""

    @abstractmethod
    def kept(self, port: int) -> tuple[hub.Recording, bytes]:
        """A recording that the provider has, more than ten bytes of it, and its sound."""

    @abstractmethod
    def not_there_yet(self, port: int) -> hub.Recording:
        """A recording that the provider told of and cannot hand out yet."""

    def no_sound(self, port: int) -> Sequence[hub.Recording]:
        """Recordings that turn out to be something else, where the provider could send such."""
        return ()

    def elsewhere(self, port: int) -> Sequence[hub.Recording]:
        """Recordings whose address is not the provider's, or leads away from it."""
        return [
            hub.Recording(id="RE1", url=url)
            for url in (f"http://127.0.0.1:{free_port()}/RE1", "http://169.254.169.254/latest/", "file:///etc/passwd")
        ]

    @asynccontextmanager
    async def opened(self, recorder: hub.Recorder) -> AsyncIterator[hub.Recorder]:
        """*recorder*, closed in the end."""
        try:
            yield recorder
        finally:
            await recorder.close()

    async def test_fetches_the_sound(self, provider_port: int) -> None:
        recording, sound = self.kept(provider_port)
        async with self.opened(self.recorder(provider_port)) as recorder:
            assert recorder.ready
            media = await recorder.fetch(recording, MOST)
        assert media.data == sound
        assert media.media_type.startswith("audio/")

    async def test_what_is_larger_than_allowed_is_unsupported(self, provider_port: int) -> None:
        recording, _ = self.kept(provider_port)
        async with self.opened(self.recorder(provider_port)) as recorder:
            with pytest.raises(hub.Unsupported) as told:
                await recorder.fetch(recording, 10)
        assert_readable(told.value)

    async def test_what_is_not_there_yet_is_unavailable(self, provider_port: int) -> None:
        async with self.opened(self.recorder(provider_port)) as recorder:
            with pytest.raises(hub.Unavailable) as told:
                await recorder.fetch(self.not_there_yet(provider_port), MOST)
        assert_readable(told.value)

    async def test_an_address_elsewhere_is_never_asked(self, provider_port: int) -> None:
        async with self.opened(self.recorder(provider_port)) as recorder:
            for recording in (*self.elsewhere(provider_port), *self.no_sound(provider_port)):
                with pytest.raises(hub.Unsupported) as told:
                    await recorder.fetch(recording, MOST)
                assert_readable(told.value)

    async def test_a_refused_credential_is_rejected(self, provider_port: int) -> None:
        recording, _ = self.kept(provider_port)
        async with self.opened(self.refused(provider_port)) as recorder:
            with pytest.raises(hub.Rejected) as told:
                await recorder.fetch(recording, MOST)
        assert_readable(told.value)

    async def test_a_server_that_is_not_there_is_unavailable(self) -> None:
        port = free_port()
        recording, _ = self.kept(port)
        async with self.opened(self.recorder(port)) as recorder:
            with pytest.raises(hub.Unavailable):
                await recorder.fetch(recording, MOST)

    async def test_closing_it_closes_its_sockets(self, provider_port: int) -> None:
        async with proxy(provider_port) as between:
            recording, _ = self.kept(between.port)
            recorder = self.recorder(between.port)
            await recorder.fetch(recording, MOST)
            await recorder.close()
            await between.until(open=0)
