"""An OTLP receiver that runs on free ports, and what it was given."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import grpc
import grpc.aio

from collectors.component import Signal
from collectors.receivers.otlp import OtlpConfig, OtlpReceiver
from collectors.testing import (
    MemoryIntake,
    MemoryMeter,
    settings,
)

PROTOBUF = "application/x-protobuf"
METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@dataclass
class Running:
    receiver: OtlpReceiver
    intake: MemoryIntake
    meter: MemoryMeter
    session: aiohttp.ClientSession

    def url(self, path: str = "/v1/traces") -> str:
        return f"http://127.0.0.1:{self.receiver.http_port}{path}"

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.receiver.grpc_port}"

    async def post(
        self, body: bytes, path: str = "/v1/traces", content_type: str = PROTOBUF, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.post(
            self.url(path), data=io.BytesIO(body), headers={"Content-Type": content_type, **named}
        ) as response:
            return response.status, await response.read(), dict(response.headers)

    async def call(self, body: bytes, compression: grpc.Compression | None = None) -> bytes:
        options = [("grpc.max_send_message_length", -1)]
        async with grpc.aio.insecure_channel(self.target, options=options) as channel:
            answer = await channel.unary_unary(METHOD)(body, compression=compression, timeout=30)
            assert isinstance(answer, bytes)
            return answer

    def rejected(self, reason: str) -> int:
        return self.meter.total("fleetslo_receiver_rejected_requests_total", reason=reason)


@asynccontextmanager
async def running(
    http: dict[str, object] | None = None,
    grpc_mib: int = 64,
    signals: Sequence[Signal] = tuple(Signal),
) -> AsyncGenerator[Running]:
    intake, meter = MemoryIntake(), MemoryMeter()
    config = OtlpConfig.model_validate(
        {
            "protocols": {
                "grpc": {"endpoint": "127.0.0.1:0", "max_recv_msg_size_mib": grpc_mib},
                "http": {"endpoint": "127.0.0.1:0", **(http or {})},
            }
        }
    )
    receiver = OtlpReceiver(config, settings(Path("/nowhere"), "otlp", signals, meter), intake)
    await receiver.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Running(receiver, intake, meter, session)
    finally:
        await receiver.stop()


def with_receiver(
    use: Callable[[Running], Awaitable[None]],
    http: dict[str, object] | None = None,
    grpc_mib: int = 64,
) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), running(http, grpc_mib) as run:
            await use(run)

    asyncio.run(main())
