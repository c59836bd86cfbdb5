from __future__ import annotations

import pytest

import hub
from connectors.bluesky import Profiles
from tests.connectors.bluesky.conftest import SETUP, settings
from tests.fakes.jetstream import Jetstream
from tests.servers.process import free_port


async def test_names_and_followers_are_asked_for_without_an_account(stream: Jetstream) -> None:
    stream.people["did:plc:li"] = {"handle": "li.example.org", "displayName": " Li Na ", "followersCount": 1200}
    stream.people["did:plc:wu"] = {"handle": "wu.example.org", "displayName": "", "followersCount": 0}
    profiles = Profiles(settings(stream.port, profiles=f"http://127.0.0.1:{stream.port}"), SETUP)
    assert profiles.ready
    found = await profiles.look_up(["did:plc:li", "did:plc:wu", "did:plc:gone", "acct:ada@social.example"])
    assert found == {"did:plc:li": hub.Profile("Li Na", 1200), "did:plc:wu": hub.Profile("wu.example.org", 0)}
    assert stream.looked_up == [["did:plc:li", "did:plc:wu", "did:plc:gone"]]
    await profiles.close()


async def test_one_that_cannot_be_reached_is_asked_later() -> None:
    profiles = Profiles(settings(1, profiles=f"http://127.0.0.1:{free_port()}"), SETUP)
    with pytest.raises(hub.Unavailable):
        await profiles.look_up(["did:plc:li"])
    await profiles.close()


def test_nobody_is_asked_where_nobody_is_named() -> None:
    assert not Profiles(settings(1, profiles=""), SETUP).ready
