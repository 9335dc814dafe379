"""What gathering log records costs: a thousand distinct ones, and none alike."""

from __future__ import annotations

import time
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from collectors.component import Batch, Context, Signal
from collectors.processors.logdedup import FACTORY
from collectors.testing import settings
from collectors.testing.samples import START_NS, text

RECORDS, ROUNDS = 5_000, 20
SECOND = 1_000_000_000


def request(turn: int, distinct: int) -> bytes:
    """Records of eight attributes, of ten services."""
    message = ExportLogsServiceRequest()
    for service in range(10):
        resource = message.resource_logs.add()
        resource.resource.attributes.append(text("service.name", f"service-{service}"))
        scope = resource.scope_logs.add()
        for at in range(RECORDS // 10):
            number = (at + turn * RECORDS) % distinct
            record = scope.log_records.add(
                time_unix_nano=START_NS + turn, severity_number=17, severity_text="ERROR"
            )
            record.body.string_value = f"connection {number} to the database was refused"
            record.attributes.extend(text(f"attribute.{key}", f"value {key}") for key in range(8))
    return message.SerializeToString()


def spent(raw: dict[str, object], distinct: int) -> tuple[float, int]:
    """CPU seconds a record, ticks included, and records put out."""
    processor = FACTORY.create(FACTORY.config.model_validate(raw), settings(Path("unused")))
    given = [
        Batch(
            Signal.LOGS, request(turn, distinct), RECORDS, Context(), turn * SECOND,
            START_NS + turn * SECOND,
        )
        for turn in range(ROUNDS)
    ]  # fmt: skip
    out: list[Batch] = []
    before = time.process_time()
    for batch in given:
        deadline = processor.next_deadline()
        if deadline is not None and deadline <= batch.steady_ns:
            processor.tick(batch.steady_ns, out.append)
        processor.step(batch, out.append)
    processor.tick(ROUNDS * SECOND, out.append)
    return (time.process_time() - before) / RECORDS / ROUNDS, sum(batch.items for batch in out)


def main() -> None:
    print(f"logdedup: {RECORDS * ROUNDS:,} records")
    for name, raw, distinct in (
        ("of 1,000 kinds", {}, 100),
        ("none alike", {"max_records": 1_000_000}, 10**9),
        (
            "of 1,000 kinds, without an attribute",
            {"exclude_fields": ["attributes.attribute\\.1"]},
            100,
        ),
        ("of 1,000 kinds, taken apart", {"exclude_fields": ["body.a"]}, 100),
    ):
        each, out = spent(dict(raw), distinct)
        print(f"  {name}: {each * 1e9:,.0f} ns, {1 / each:,.0f} a CPU second, {out:,} out")


if __name__ == "__main__":
    main()
