from __future__ import annotations

import asyncio

import aiohttp
import pytest

from collectors.net.reason import reason
from slo.servers import free_port


async def failure(url: str) -> aiohttp.ClientError:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError) as caught:
            await session.get(url)
    return caught.value


def test_a_port_that_nobody_listens_on_is_refused_in_two_words() -> None:
    error = asyncio.run(failure(f"http://127.0.0.1:{free_port()}/"))

    assert reason(error) == "connection refused"


def test_a_host_that_does_not_exist_is_told_by_the_resolver() -> None:
    error = asyncio.run(failure("http://nobody.invalid/"))

    assert "not known" in reason(error) or "resolution" in reason(error)
    assert "ssl" not in reason(error)


def test_an_error_without_words_is_told_by_its_kind() -> None:
    assert reason(aiohttp.ServerDisconnectedError()) == "Server disconnected"
    assert reason(ConnectionResetError()) == "ConnectionResetError"
