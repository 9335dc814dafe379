"""What is said of a call is said of all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from collectors.component import Settings, Signal
from collectors.receivers.otlp import OtlpConfig, OtlpReceiver
from collectors.testing import MemoryIntake, MemoryMeter, traces_request

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def test_a_call_with_two_messages_is_rejected_and_not_half_taken() -> None:
    meter, intake = MemoryMeter(), MemoryIntake()
    config = OtlpConfig.model_validate({"protocols": {"grpc": {"endpoint": "127.0.0.1:0"}}})
    receiver = OtlpReceiver(config, Settings("otlp", tuple(Signal), meter, Path("nowhere")), intake)

    def send(port: int) -> None:
        def messages() -> Iterator[bytes]:
            yield traces_request(1).SerializeToString()
            yield traces_request(2).SerializeToString()

        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            call: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(METHOD)
            call(messages(), timeout=10)

    async def main() -> None:
        await receiver.start()
        try:
            await asyncio.to_thread(send, receiver.grpc_port)
        finally:
            await receiver.stop()

    with pytest.raises(grpc.RpcError, match="must hold one message, got several"):
        asyncio.run(main())

    assert intake.taken == []
