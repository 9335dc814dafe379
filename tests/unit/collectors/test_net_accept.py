from __future__ import annotations

import asyncio
import socket

import pytest

from collectors.net.accept import Acceptor
from collectors.net.listen import bind, bound_port, exchange, release


class Greeter(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")
        transport.close()


@pytest.mark.parametrize("rounds", [2, 3])
def test_a_connection_that_is_accepted_as_the_server_stops_is_served(rounds: int) -> None:
    async def main() -> bytes:
        listener = await bind("test", "127.0.0.1:0")
        address = listener.getsockname()
        acceptor = Acceptor(listener, Greeter)
        await acceptor.start()
        with socket.create_connection(address, timeout=5) as client:
            for _ in range(rounds):
                await asyncio.sleep(0)
            await acceptor.stop()
            return await asyncio.to_thread(client.recv, 5)

    assert asyncio.run(main()) == b"hello"


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)
        self._transport.close()


def connected(address: object, count: int) -> list[socket.socket]:
    """Connections that have sent something, and that nobody has accepted yet."""
    assert isinstance(address, tuple)
    clients = [socket.create_connection(address, timeout=5) for _ in range(count)]
    for client in clients:
        client.sendall(b"hello")
    return clients


def answers(clients: list[socket.socket]) -> list[bytes]:
    found: list[bytes] = []
    for client in clients:
        with client:
            found.append(client.recv(5))
    return found


def test_connections_that_nobody_has_accepted_are_served_before_the_server_stops() -> None:
    async def main() -> list[bytes]:
        listener = await bind("test", "127.0.0.1:0")
        acceptor = Acceptor(listener, Echo)
        await acceptor.start()
        clients = connected(listener.getsockname(), 200)
        address = listener.getsockname()
        await acceptor.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=5)
        return await asyncio.to_thread(answers, clients)

    assert asyncio.run(main()) == [b"hello"] * 200


def test_connections_that_come_between_two_servers_wait_for_the_second() -> None:
    async def main() -> list[bytes]:
        first = Acceptor(listener := await bind("test", "127.0.0.1:0"), Echo)
        address = listener.getsockname()
        await first.start()
        async with exchange():
            before = connected(address, 100)
            await first.stop()
            between = connected(address, 100)
            second = Acceptor(await bind("test", "127.0.0.1:0"), Echo)
            await second.start()
        after = connected(address, 10)
        found = await asyncio.to_thread(answers, [*before, *between, *after])
        await second.stop()
        return found

    assert asyncio.run(main()) == [b"hello"] * 210


def test_what_nobody_takes_up_is_closed_and_another_name_of_the_port_is_free() -> None:
    async def main() -> None:
        listener = await bind("test", "127.0.0.1:0")
        port = bound_port(listener)
        listener.close()
        async with exchange():
            release(await bind("test", f"127.0.0.1:{port}"))
            other = await bind("test", f"0.0.0.0:{port}")
            release(await bind("test", "127.0.0.1:0"))
        assert bound_port(other) == port
        other.close()
        async with exchange():
            release(await bind("test", f"127.0.0.1:{port}"))
        (await bind("test", f"127.0.0.1:{port}")).close()

    asyncio.run(main())
