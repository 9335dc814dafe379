"""What is no OTLP, or too much of it, harms no receiver and is told so."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
import zstandard
from google.rpc.status_pb2 import Status

from collectors.receivers.otlp.take import InFlight
from collectors.testing import (
    traces_request,
)
from tests.otlp_running import PROTOBUF, Running, with_receiver

MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"nonsense", "not OTLP JSON"),
        (b"[]", "not OTLP JSON"),
        (b'{"resourceSpans": 3}', "not OTLP JSON"),
        (b"[" * 100_000, "not OTLP JSON"),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}', "hexadecimal"),
    ],
)
def test_json_that_is_not_otlp_is_answered_in_json(body: bytes, words: str) -> None:
    async def use(run: Running) -> None:
        code, answer, headers = await run.post(body, content_type="application/json")

        assert code == 400
        assert headers["Content-Type"].startswith("application/json")
        assert words in json.loads(answer)["message"]

    with_receiver(use)


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_truncated_protobuf_is_rejected_on_both_protocols(cut: int) -> None:
    async def use(run: Running) -> None:
        body = traces_request().SerializeToString()[:-cut]

        code, answer, _ = await run.post(body)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await run.call(body)

        assert (code, Status.FromString(answer).code) == (400, 3)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert run.rejected("malformed") == 2
        assert run.intake.taken == []

    with_receiver(use)


def test_random_bytes_never_harm_the_receiver() -> None:
    lot = random.Random(3)

    async def use(run: Running) -> None:
        paths = ["/v1/traces", "/v1/metrics", "/v1/logs"]
        kinds = [PROTOBUF, "application/json"]
        codes: set[int] = set()
        for _ in range(200):
            body = lot.randbytes(lot.randint(1, 200))
            encoding = lot.choice(["identity", "gzip", "zstd", "deflate", "br"])
            answer = await run.post(
                body, lot.choice(paths), lot.choice(kinds), Content_Encoding=encoding
            )
            codes.add(answer[0])
        assert codes <= {200, 400}
        assert (await run.post(traces_request().SerializeToString()))[0] == 200

    with_receiver(use)


@pytest.mark.parametrize(
    ("path", "content_type", "method", "expected"),
    [
        ("/v1/other", PROTOBUF, "POST", 404),
        ("/v1/traces", "text/plain", "POST", 415),
        ("/v1/traces", PROTOBUF, "GET", 405),
    ],
)
def test_requests_that_are_not_otlp_are_told_so(
    path: str, content_type: str, method: str, expected: int
) -> None:
    async def use(run: Running) -> None:
        async with run.session.request(
            method, run.url(path), headers={"Content-Type": content_type}
        ) as response:
            assert response.status == expected

    with_receiver(use)


@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd", "deflate"])
def test_what_is_too_large_is_never_taken_and_never_asked_for_again(encoding: str) -> None:
    pack = {
        "identity": bytes,
        "gzip": gzip.compress,
        "zstd": zstandard.ZstdCompressor().compress,
        "deflate": zlib.compress,
    }[encoding]

    async def use(run: Running) -> None:
        bomb = pack(b"\0" * (2 * MEBIBYTE))

        code, answer, headers = await run.post(bomb, Content_Encoding=encoding)

        assert code == 413
        assert "Retry-After" not in headers
        assert Status.FromString(answer).code == 8
        assert run.rejected("too_large") == 1

    with_receiver(use, {"max_request_body_size": MEBIBYTE})


def test_a_chunked_body_is_cut_off_at_the_limit() -> None:
    async def use(run: Running) -> None:
        async def endless() -> AsyncIterator[bytes]:
            for _ in range(64):
                yield b"\0" * 65_536

        async with run.session.post(
            run.url(), data=endless(), headers={"Content-Type": PROTOBUF}
        ) as response:
            assert response.status == 413

    with_receiver(use, {"max_request_body_size": MEBIBYTE})


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
def test_a_grpc_message_that_is_too_long_is_told_why_and_its_spans_are_counted(
    compression: grpc.Compression | None,
) -> None:
    async def use(run: Running) -> None:
        long = traces_request(3).SerializeToString()
        long += traces_request(16000).SerializeToString()
        assert MEBIBYTE < len(long) < 2 * MEBIBYTE
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await run.call(long, compression)

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        trailers = dict(caught.value.trailing_metadata() or ())
        assert "google.rpc.retryinfo-bin" not in trailers
        details = trailers["grpc-status-details-bin"]
        assert isinstance(details, bytes)
        status = Status.FromString(details)
        assert status.code == 3
        assert not status.details  # nothing that says come again
        assert f"at most {MEBIBYTE} bytes" in status.message == caught.value.details()
        assert run.rejected("too_large") == 1
        assert run.meter.total("otelcol_receiver_refused_spans", transport="grpc") == 16003
        assert run.meter.total("fleetslo_items_total", outcome="rejected") == 16003

    with_receiver(use, grpc_mib=1)


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
def test_a_grpc_message_far_beyond_the_limit_is_refused_for_good_and_counted(
    compression: grpc.Compression | None,
) -> None:
    async def use(run: Running) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await run.call(b"\0" * (3 * MEBIBYTE), compression)
        assert await run.call(traces_request().SerializeToString()) == b""

        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "google.rpc.retryinfo-bin" not in dict(caught.value.trailing_metadata() or ())
        assert run.rejected("too_large") == 1

    with_receiver(use, grpc_mib=1)


def test_bytes_in_flight_are_bounded_but_one_request_always_fits() -> None:
    in_flight = InFlight(limit_bytes=100)

    assert in_flight.reserve(1000)
    assert not in_flight.reserve(1)
    in_flight.release(1000)
    assert in_flight.reserve(60)
    assert not in_flight.reserve(41)
    assert in_flight.held_bytes == 60
