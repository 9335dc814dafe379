"""`prometheus_remote_write`: sends samples, each series in its order.

Batches come one at a time. The series of one are parted over several ways by their labels,
and each way has one request under way: a series never overtakes itself. What was taken
before something failed is not sent again with the rest.

Source: Prometheus, "Prometheus Remote-Write 1.0 specification".
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final

import cramjam
from google.protobuf.message import DecodeError

from collectors.component import (
    Batch,
    Context,
    Delivery,
    ExporterFactory,
    NeverTaken,
    Settings,
    Signal,
    TryLater,
)
from collectors.exporters.prometheus_remote_write.config import RemoteWriteConfig
from collectors.exporters.prometheus_remote_write.message import Sample, time_series
from collectors.exporters.prometheus_remote_write.translate import Translated, Translator
from collectors.net.http_client import HttpAnswer, HttpClient
from collectors.net.retry_after import retry_after_seconds

_HEADERS: Final = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
_TOO_MANY: Final = 429
_DIVISIBLE: Final = frozenset({400, 413})
_LONGEST_REASON: Final = 300
_MOST_KNOWN: Final = 200_000
"""Samples remembered as taken while the rest of their batch is not; 20 MiB at most."""

Mark = bytes


@dataclass(frozen=True, slots=True)
class _Series:
    labels: bytes
    samples: Sequence[Sample]

    def marks(self) -> Iterator[Mark]:
        """What stands for each sample."""
        for time_ms, value in self.samples:
            text = b"%d %b %b" % (time_ms, value, self.labels)
            yield blake2b(text, digest_size=16).digest()


class RemoteWriteExporter:
    """Sends each batch once.

    Attributes:
        wall: The wall clock, for `Retry-After` dates.
    """

    def __init__(
        self, config: RemoteWriteConfig, client: HttpClient, wall: Callable[[], datetime]
    ) -> None:
        self._config = config
        self._client = client
        self._wall = wall
        self._translator = Translator(config)
        self._taken: dict[Mark, None] = {}
        self._one_at_a_time = asyncio.Lock()

    async def start(self) -> None:
        """Make ready to connect; nothing is sent yet.

        Raises:
            StartError: A certificate cannot be used.
        """
        await self._client.start()

    async def stop(self) -> None:
        """Close the connections. Safe without start and twice."""
        await self._client.stop()

    async def deliver(self, batch: Batch) -> Delivery:
        """Send the samples of `batch`.

        Raises:
            TryLater: No connection, no answer in time, or a code that says so.
            NeverTaken: Any other code; divisible for 400 and 413.
        """
        try:
            found = await asyncio.to_thread(self._translator.translate, batch.payload)
        except DecodeError as error:
            raise NeverTaken(str(error)) from error
        async with self._one_at_a_time:
            ways = self._ways(found)
            sent: list[_Series] = []
            outcomes = await asyncio.gather(
                *(self._send(way, batch.context, sent) for way in ways), return_exceptions=True
            )
            problem = _worst(outcomes)
            if problem is not None:
                self._remember(sent)
                raise problem
            self._forget(ways)
        reasons = ", ".join(f"{count} with {why}" for why, count in sorted(found.rejected.items()))
        return Delivery(found.rejected.total(), reasons)

    def _ways(self, found: Translated) -> list[list[_Series]]:
        """The series parted by their labels, without the samples that were taken before."""
        count = self._config.remote_write_queue.num_consumers
        ways: list[list[_Series]] = [[] for _ in range(count)]
        for labels, samples in found.series.items():
            series = _Series(labels, samples)
            ways[zlib.crc32(labels) % count].append(series)
        return ways

    async def _send(self, way: Sequence[_Series], context: Context, sent: list[_Series]) -> None:
        """Send one request after the other; `sent` grows by what was taken."""
        for series in self._requests(way):
            plain = b"".join(time_series(one.labels, one.samples) for one in series)
            body = bytes(cramjam.snappy.compress_raw(plain))
            answer = await self._client.post(self._config.endpoint, body, _HEADERS, context)
            self._judge(answer)
            sent.extend(series)

    def _requests(self, way: Sequence[_Series]) -> Iterator[list[_Series]]:
        """`way` in requests that are not too long."""
        group: list[_Series] = []
        size = 0
        for series in self._untaken(way):
            length = len(series.labels) + 24 * len(series.samples)  # tags, time and value
            if group and size + length > self._config.max_batch_size_bytes:
                yield group
                group, size = [], 0
            group.append(series)
            size += length
        if group:
            yield group

    def _untaken(self, way: Sequence[_Series]) -> Iterator[_Series]:
        if not self._taken:
            yield from way
            return
        for series in way:
            left = [
                sample
                for sample, mark in zip(series.samples, series.marks(), strict=True)
                if mark not in self._taken
            ]
            if left:
                yield _Series(series.labels, left)

    def _remember(self, sent: Sequence[_Series]) -> None:
        for series in sent:
            self._taken.update(dict.fromkeys(series.marks()))
        while len(self._taken) > _MOST_KNOWN:
            del self._taken[next(iter(self._taken))]

    def _forget(self, ways: Sequence[Sequence[_Series]]) -> None:
        if not self._taken:
            return
        for way in ways:
            for series in way:
                for mark in series.marks():
                    self._taken.pop(mark, None)

    def _judge(self, answer: HttpAnswer) -> None:
        code = answer.status
        if 200 <= code < 300:
            return
        said = answer.body[:_LONGEST_REASON].decode("utf-8", "replace").strip()
        reason = f"{answer.url} answered {code}{': ' if said else ''}{said}"
        if code == _TOO_MANY or code >= 500 or 300 <= code < 400:
            hint = retry_after_seconds(answer.headers.get("Retry-After"), self._wall())
            raise TryLater(reason, hint)
        raise NeverTaken(reason, divisible=code in _DIVISIBLE)


def _worst(outcomes: Sequence[BaseException | None]) -> BaseException | None:
    """What to raise: something unforeseen, else that it comes again, else that it never does.

    A batch that is put off and refused at once is put off: when it comes again, what was
    refused is refused again, and by itself.
    """
    problems = [outcome for outcome in outcomes if outcome is not None]
    for problem in problems:
        if not isinstance(problem, TryLater | NeverTaken):
            return problem
    later = [problem for problem in problems if isinstance(problem, TryLater)]
    return next(iter(later or problems), None)


def _create(config: RemoteWriteConfig, settings: Settings) -> RemoteWriteExporter:
    ways = config.remote_write_queue.num_consumers
    client = HttpClient(config, settings, connections=ways)
    return RemoteWriteExporter(config, client, lambda: datetime.now(UTC))


FACTORY = ExporterFactory(
    config=RemoteWriteConfig, create=_create, signals=frozenset({Signal.METRICS})
)
