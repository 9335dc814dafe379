"""`otlp_grpc` reads from every answer what is to be done next, and sends what it was given."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from collectors.component import Delivery, NeverTaken, Refused, Rejected, Signal, TryLater
from collectors.exporters.otlp_grpc import METHODS
from collectors.net.retry_after import LONGEST_SECONDS
from collectors.net.status import retry_info, status
from collectors.receivers.otlp import OtlpConfig, OtlpReceiver
from collectors.testing import MemoryIntake, batch
from tests.grpc_backend import BATCH, HERE, Backend, Trailers, exporting, serving
from tests.otlp_sink import otlp_sink


def deliver(backend: Backend, **raw: object) -> Delivery:
    async def main() -> Delivery:
        async with serving(backend) as port, exporting(f"127.0.0.1:{port}", **raw) as exporter:
            return await exporter.deliver(BATCH)

    return asyncio.run(asyncio.wait_for(main(), 30))


@pytest.mark.parametrize("compression", ["gzip", "deflate", "none"])
def test_every_signal_arrives_at_an_official_server_as_it_was(compression: str) -> None:
    batches = {signal: batch(signal) for signal in Signal}

    async def main(endpoint: str) -> None:
        async with exporting(endpoint, compression=compression) as exporter:
            for item in batches.values():
                assert await exporter.deliver(item) == Delivery()

    with otlp_sink() as sink:
        asyncio.run(main(sink.grpc))

        for signal, item in batches.items():
            (got,) = getattr(sink, signal)
            assert got.SerializeToString() == item.payload


def test_headers_go_with_every_request_in_lower_case() -> None:
    backend = Backend()

    deliver(backend, headers={"X-Scope-OrgID": "blue"})

    method, metadata, body = backend.seen[0]
    assert method == METHODS[Signal.TRACES]
    assert metadata["x-scope-orgid"] == "blue"
    assert body == BATCH.payload


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    ],
)
def test_codes_that_mean_later(code: grpc.StatusCode) -> None:
    with pytest.raises(TryLater, match=f"{code.name}: because") as caught:
        deliver(Backend(code))

    assert caught.value.retry_after_seconds is None


@pytest.mark.parametrize(
    ("code", "divisible"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, True),
        (grpc.StatusCode.UNAUTHENTICATED, False),
        (grpc.StatusCode.PERMISSION_DENIED, False),
        (grpc.StatusCode.UNIMPLEMENTED, False),
        (grpc.StatusCode.INTERNAL, False),
    ],
)
def test_codes_that_mean_never(code: grpc.StatusCode, divisible: bool) -> None:
    with pytest.raises(NeverTaken) as caught:
        deliver(Backend(code))

    assert caught.value.divisible is divisible


def in_details(seconds: float) -> Trailers:
    return (("grpc-status-details-bin", status(8, "", seconds).SerializeToString()),)


def in_trailer(seconds: float) -> Trailers:
    return (("google.rpc.retryinfo-bin", retry_info(seconds).SerializeToString()),)


@pytest.mark.parametrize(
    ("trailers", "expected"),
    [
        (in_details(7.5), 7.5),
        (in_trailer(7.5), 7.5),
        (in_details(0), 0.0),
        (in_trailer(0), 0.0),
        (in_details(1e9), LONGEST_SECONDS),
    ],
)
def test_a_hint_makes_exhausted_mean_later(trailers: Trailers, expected: float) -> None:
    for code in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE):
        with pytest.raises(TryLater) as caught:
            deliver(Backend(code, trailers))

        assert caught.value.retry_after_seconds == expected


@pytest.mark.parametrize(
    "trailer",
    [
        b"\xff\xff",
        Status(code=8).SerializeToString(),
        Status(code=8, details=[AnyMessage(type_url="x/y", value=b"\xff")]).SerializeToString(),
    ],
)
def test_details_without_a_hint_are_none(trailer: bytes) -> None:
    with pytest.raises(NeverTaken):
        deliver(
            Backend(grpc.StatusCode.RESOURCE_EXHAUSTED, (("grpc-status-details-bin", trailer),))
        )


def test_a_partial_success_is_told_in_items() -> None:
    partial = ExportTracePartialSuccess(rejected_spans=2, error_message="too old")
    body = ExportTraceServiceResponse(partial_success=partial).SerializeToString()

    assert deliver(Backend(body=body)) == Delivery(2, "too old")


def test_an_answer_that_cannot_be_read_is_still_a_yes() -> None:
    assert deliver(Backend(body=b"\xff\xff")) == Delivery()


def test_nobody_there_means_later_and_a_server_that_comes_is_found() -> None:
    async def main() -> None:
        backend = Backend()
        async with serving(backend) as port:
            pass
        async with exporting(f"127.0.0.1:{port}", timeout="300ms") as exporter:
            with pytest.raises(TryLater):
                await exporter.deliver(BATCH)
        async with (
            serving(backend) as port,
            exporting(f"127.0.0.1:{port}", wait_for_ready=True) as exporter,
        ):
            assert await exporter.deliver(BATCH) == Delivery()

    asyncio.run(main())


def test_a_channel_that_is_closed_under_a_request_means_later() -> None:
    async def main() -> None:
        entered = asyncio.Event()

        class Silent(Backend):
            def service(
                self, details: grpc.HandlerCallDetails
            ) -> grpc.RpcMethodHandler[bytes, bytes]:
                async def answer(_: bytes, __: object) -> bytes:
                    entered.set()
                    await asyncio.sleep(60)
                    return b""

                return grpc.unary_unary_rpc_method_handler(answer)

        async with serving(Silent()) as port, exporting(f"127.0.0.1:{port}") as exporter:
            sending = asyncio.create_task(exporter.deliver(BATCH))
            await entered.wait()
            await exporter.stop()
            with pytest.raises((TryLater, asyncio.CancelledError)):
                await sending

    asyncio.run(asyncio.wait_for(main(), 20))


def test_what_our_receiver_says_is_understood() -> None:
    async def main() -> None:
        intake = MemoryIntake()
        config = OtlpConfig.model_validate({"protocols": {"grpc": {"endpoint": "127.0.0.1:0"}}})
        receiver = OtlpReceiver(config, HERE, intake)
        await receiver.start()
        try:
            async with exporting(f"http://127.0.0.1:{receiver.grpc_port}") as exporter:
                assert await exporter.deliver(BATCH) == Delivery()
                intake.answers.append(Refused("full", 1.5))
                with pytest.raises(TryLater, match="full") as later:
                    await exporter.deliver(BATCH)
                intake.answers.append(Rejected("no"))
                with pytest.raises(NeverTaken, match="no") as never:
                    await exporter.deliver(BATCH)
        finally:
            await receiver.stop()

        assert later.value.retry_after_seconds == 1.5
        assert never.value.divisible

    asyncio.run(main())
