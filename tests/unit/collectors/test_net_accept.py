from __future__ import annotations

import asyncio
import socket

import pytest

from collectors.net.accept import Acceptor
from collectors.net.listen import bind


class Greeter(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")
        transport.close()


@pytest.mark.parametrize("rounds", [2, 3])
def test_a_connection_that_is_accepted_as_the_server_stops_is_served(rounds: int) -> None:
    async def main() -> bytes:
        listener = bind("test", "127.0.0.1:0")
        address = listener.getsockname()
        acceptor = Acceptor(listener, Greeter)
        await acceptor.start()
        with socket.create_connection(address, timeout=5) as client:
            for _ in range(rounds):
                await asyncio.sleep(0)
            await acceptor.stop()
            return await asyncio.to_thread(client.recv, 5)

    assert asyncio.run(main()) == b"hello"
