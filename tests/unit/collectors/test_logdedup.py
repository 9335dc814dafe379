"""`logdedup`: records that are alike become one that says how many there were, and when."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from collectors.component import Batch, Context, Processor, Signal
from collectors.config.load import Text, load
from collectors.config.registry import Registry
from collectors.config.tree import Surroundings
from collectors.graph import ITEMS, Ledger, PipelineMeter
from collectors.processors.logdedup import FACTORY, LogdedupConfig
from collectors.series.counts import RECORDS_TREATED
from collectors.service.names import METRICS
from collectors.testing import MemoryMeter
from collectors.testing.samples import START_NS, text
from collectors.wire.points_kernel import KeyChoice, PointsKernel, compiled_points, twin_points
from collectors.wire.scan import scan
from tests.metric_fleet import make, run

SECOND = 1_000_000_000
PAGE = Path(__file__).parents[3] / "docs" / "fewer-logs.md"
TOLD = ("log_count", "first_observed_timestamp", "last_observed_timestamp")


def problems_of(processor: str, name: str = "logdedup") -> list[str]:
    config = (
        "receivers:\n  otlp: {protocols: {http: }}\nprocessors:\n"
        f"  {name}: {processor}\n"
        "exporters:\n  debug:\nservice:\n  pipelines:\n    logs: "
        f"{{receivers: [otlp], processors: [{name}], exporters: [debug]}}\n"
    )
    around = Surroundings({}, lambda path: path)
    _, problems = load([Text("c.yaml", config)], around, Registry.installed())
    return [str(of) for of in problems]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("interval: 0s", "interval must be above 0"),
        ("log_count_attribute: ''", "must not be empty"),
        ("timezone: Mars/Base", "timezone must be a name of the IANA database"),
        ("exclude_fields: [body]", "must not name the whole body"),
        ("exclude_fields: [resource.a]", "a field must be attributes.NAME"),
        ("exclude_fields: [attributes]", "a field must be attributes.NAME"),
        ("exclude_fields: [attributes.a, attributes.a]", "attributes.a twice"),
        ("metadata_keys: [X-Org, x-org]", "must name a header once, got x-org twice"),
        ("metadata_cardinality_limit: 0", "must be at least 1"),
        ("exclude_fields: [attributes.a], include_fields: [body]", "contradict each other"),
        ("conditions: ['severity_nummer > 3']", "severity_number"),
        ("max_records: 0", "max_records must be at least 1"),
    ],
)
def test_a_wrong_configuration_is_told_at_its_place(keys: str, said: str) -> None:
    (problem,) = problems_of(f"{{{keys}}}")

    assert said in problem
    assert "line=4" in problem


def test_both_spellings_of_the_collector_are_known() -> None:
    assert problems_of("{timezone: Europe/Berlin}", "log_dedup") == []


def record(body: str, **attributes: str) -> LogRecord:
    found = LogRecord(time_unix_nano=5, severity_number=9, severity_text="INFO")
    found.body.string_value = body
    found.attributes.extend(text(key, value) for key, value in attributes.items())
    return found


def batch(*records: LogRecord, second: float, service: str = "api", tenant: str = "") -> Batch:
    request = ExportLogsServiceRequest()
    if records:
        resource = request.resource_logs.add(schema_url="r")
        resource.resource.attributes.append(text("service.name", service))
        scope = resource.scope_logs.add(schema_url="s")
        scope.scope.name = "lib"
        scope.log_records.extend(records)
    steady = int(second * SECOND)
    return Batch(
        Signal.LOGS, request.SerializeToString(), len(records),
        Context(tenant=tenant, peer="127.0.0.1:1"), steady, START_NS + steady,
    )  # fmt: skip


def records_of(batches: list[Batch]) -> list[tuple[str, LogRecord]]:
    """Service and record of all that came out, in order."""
    found: list[tuple[str, LogRecord]] = []
    for of in batches:
        request = ExportLogsServiceRequest.FromString(of.payload)
        scan(Signal.LOGS, of.payload)
        mine = [
            (resource.resource.attributes[0].value.string_value, one)
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for one in scope.log_records
        ]
        assert len(mine) == of.items
        found += mine
    return found


def value_of(one: LogRecord, key: str) -> AnyValue:
    (found,) = [pair.value for pair in one.attributes if pair.key == key]
    return found


def counts_of(batches: list[Batch]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for service, one in records_of(batches):
        found[f"{service}:{one.body.string_value}"] += value_of(one, "log_count").int_value
    return dict(found)


def test_records_that_are_alike_become_one_with_count_and_times() -> None:
    given_ = [
        batch(record("up", id="1"), record("up", id="1"), second=1),
        batch(record("up", id="1"), second=7),
    ]

    (out,) = run(make(FACTORY, {"timezone": "Europe/Berlin"}), given_)

    ((service, one),) = records_of([out])
    assert (service, one.body.string_value, one.severity_text) == ("api", "up", "INFO")
    assert value_of(one, "log_count").int_value == 3
    assert value_of(one, "id").string_value == "1"
    assert value_of(one, "first_observed_timestamp").string_value == "2023-11-14T23:13:21+01:00"
    assert value_of(one, "last_observed_timestamp").string_value == "2023-11-14T23:13:27+01:00"
    assert one.time_unix_nano == START_NS + 11 * SECOND
    assert one.observed_time_unix_nano == START_NS + SECOND
    assert out.payload.count(b"lib") == 1


def test_what_differs_in_body_severity_attributes_or_resource_is_not_alike() -> None:
    other = record("a", id="1")
    other.severity_number = 17
    given_ = [
        batch(record("a", id="1"), record("b", id="1"), record("a", id="2"), other, second=1),
        batch(record("a", id="1"), second=1, service="web"),
    ]

    assert len(records_of(run(make(FACTORY, {}), given_))) == 5


def test_the_order_of_attributes_does_not_count() -> None:
    given_ = [batch(record("a", x="1", y="2"), record("a", y="2", x="1"), second=1)]

    assert counts_of(run(make(FACTORY, {}), given_)) == {"api:a": 2}


def deep(time: str, **attributes: str) -> LogRecord:
    found = record("", **attributes)
    for key, value in (("time", time), ("what", "up")):
        found.body.kvlist_value.values.append(text(key, value))
    inner = found.attributes.add(key="src")
    inner.value.kvlist_value.values.append(text("ip", time))
    inner.value.kvlist_value.values.append(text("port", "80"))
    return found


def test_excluded_fields_do_not_matter_and_are_not_put_out() -> None:
    fields = ["body.time", "attributes.src.ip", r"attributes.host\.name"]
    given_ = [
        batch(*(deep(f"{of}", **{"host.name": f"h{of}"}) for of in range(4)), second=1),
    ]

    ((_, one),) = records_of(run(make(FACTORY, {"exclude_fields": fields}), given_))

    assert value_of(one, "log_count").int_value == 4
    assert [of.key for of in one.body.kvlist_value.values] == ["what"]
    assert [of.key for of in value_of(one, "src").kvlist_value.values] == ["port"]
    assert {of.key for of in one.attributes} == {"src", *TOLD}


@pytest.mark.parametrize("fields", [["attributes.id"], ["attributes.id", "body.none"]])
def test_only_included_fields_matter_and_the_first_record_is_put_out(fields: list[str]) -> None:
    other = record("d", id="1")
    other.severity_number = 17
    given_ = [
        batch(record("a", id="1"), record("b", id="1"), record("c", id="2"), other, second=1),
        batch(record("x"), record("y"), record("x"), second=1),
    ]

    out = run(make(FACTORY, {"include_fields": fields}), given_)

    assert counts_of(out) == {"api:a": 3, "api:c": 1, "api:x": 2, "api:y": 1}


def test_records_that_no_condition_holds_for_go_through_at_once() -> None:
    loud, quiet = record("a", id="1"), record("b", id="1")
    given_ = [batch(loud, quiet, loud, second=1)]
    processor = make(FACTORY, {"conditions": ['body == "a"']})

    first = run(processor, given_, ends=False)
    rest = run(processor, [])

    assert [one for _, one in records_of(first)] == [quiet]
    assert counts_of(rest) == {"api:a": 2}


def test_what_says_already_how_many_it_stands_for_says_it_once() -> None:
    again = run(make(FACTORY, {}), [batch(record("a"), record("a"), second=1)])

    ((_, one),) = records_of(run(make(FACTORY, {}), again))

    assert Counter(of.key for of in one.attributes) == Counter(TOLD)


@pytest.mark.parametrize("raw", [{"max_records": 2}, {"max_bytes": 95}])
def test_records_beyond_the_bounds_go_through_and_are_counted(raw: Mapping[str, object]) -> None:
    meter = MemoryMeter()
    given_ = [batch(*(record(of) for of in "aabbccab"), second=1)]
    processor = make(FACTORY, raw, meter)

    first = run(processor, given_, ends=False)

    assert [one.body.string_value for _, one in records_of(first)] == ["c", "c"]
    assert meter.total(RECORDS_TREATED, reason="overflow") == 2
    assert meter.total(ITEMS, outcome="aggregated") == 4
    assert processor.held_items() == 2
    assert counts_of(run(processor, [])) == {"api:a": 3, "api:b": 3}


def test_tenants_are_never_mixed() -> None:
    given_ = [batch(record("a"), second=1, tenant=of) for of in ("x", "y", "x")]

    out = run(make(FACTORY, {}), given_)

    assert {of.context.tenant: counts_of([of]) for of in out} == {
        "x": {"api:a": 2},
        "y": {"api:a": 1},
    }


def from_(org: str, trace: str, tenant: str = "", second: float = 1) -> Batch:
    """A record that came with two kept headers."""
    headers = (("x-request-id", trace), ("x-scope-orgid", org))
    context = Context(tenant, "127.0.0.1:1", headers)
    return replace(batch(record("a"), second=second), context=context)


def test_only_named_headers_tell_records_apart_and_leave_with_them() -> None:
    given_ = [from_("x", "1"), from_("x", "2"), from_("y", "3"), from_("x", "4", tenant="t")]

    out = run(make(FACTORY, {"metadata_keys": ["X-Scope-OrgID"]}), given_)

    assert {of.context: counts_of([of]) for of in out} == {
        Context(headers=(("x-scope-orgid", "x"),)): {"api:a": 2},
        Context(headers=(("x-scope-orgid", "y"),)): {"api:a": 1},
        Context("t", headers=(("x-scope-orgid", "x"),)): {"api:a": 1},
    }


def test_without_named_headers_every_kept_one_counts() -> None:
    out = run(make(FACTORY, {}), [from_("x", "1"), from_("x", "2"), from_("x", "1")])

    assert sorted(counts_of([of])["api:a"] for of in out) == [1, 2]


def test_a_combination_beyond_the_limit_goes_through_with_all_it_came_with() -> None:
    rules = {"metadata_keys": ["x-scope-orgid"], "metadata_cardinality_limit": 1}
    given_ = [from_("x", "1"), from_("y", "2"), from_("x", "3")]

    first, second = run(make(FACTORY, rules), given_)

    assert first == given_[1]
    assert counts_of([second]) == {"api:a": 2}


RULES: dict[str, dict[str, object]] = {
    "all": {},
    "without an attribute": {"exclude_fields": ["attributes.id"]},
    "without what is deep": {"exclude_fields": ["body.time"], "interval": "3s"},
    "by an attribute": {"include_fields": ["attributes.id"]},
    "some": {"conditions": ['attributes["id"] == "1"'], "max_records": 2},
}


def stream(seed: int) -> list[Batch]:
    dice = random.Random(seed)
    return [
        batch(
            *(
                deep(dice.choice("12")) if dice.random() < 0.3
                else record(dice.choice("abc"), id=dice.choice("12"))
                for _ in range(dice.randrange(6))
            ),
            second=1 + 2 * turn,
            service=dice.choice(("api", "web")),
        )
        for turn in range(8)
    ]  # fmt: skip


@settings(max_examples=10, deadline=None)
@pytest.mark.parametrize("name", RULES)
@given(st.integers(0, 2**32))
def test_a_restart_anywhere_changes_no_byte_and_every_record_is_counted(
    name: str, seed: int
) -> None:
    batches, ledger = stream(seed), Ledger()
    whole = run(make(FACTORY, RULES[name]), batches)
    cut = random.Random(seed).randrange(len(batches) + 1)
    first, second = make(FACTORY, RULES[name]), make(FACTORY, RULES[name])

    before = run(first, batches[:cut], ends=False)
    second.restore(first.snapshot())

    assert before + run(second, batches[cut:]) == whole
    told = [
        next((of.value.int_value for of in one.attributes if of.key == "log_count"), 1)
        for _, one in records_of(whole)
    ]
    assert sum(told) == sum(of.items for of in batches)
    _balance(make(FACTORY, RULES[name], PipelineMeter(ledger, MemoryMeter())), batches, ledger)


def _balance(processor: Processor, batches: list[Batch], ledger: Ledger) -> None:
    def out(of: Batch) -> None:
        ledger.out += of.items

    for of in batches:
        deadline = processor.next_deadline()
        if deadline is not None and deadline <= of.steady_ns:
            processor.tick(of.steady_ns, out)
        ledger.entered += of.items
        processor.step(of, out)
        assert ledger.imbalance(processor.held_items()) == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_the_compiled_reader_and_its_twin_identify_records_alike(seed: int) -> None:
    compiled = compiled_points()
    if compiled is None:
        pytest.skip("not compiled")
    choices: tuple[KeyChoice, ...] = (((), False), ((b"id",), False), ((b"id", b"src"), True))
    for of in stream(seed):
        for keys in choices:
            for whole in (True, False):
                assert _identities(of, compiled, keys, whole=whole) == _identities(
                    of, twin_points(), keys, whole=whole
                )


def _identities(of: Batch, kernel: PointsKernel, keys: KeyChoice, *, whole: bool) -> object:
    scanned = scan(Signal.LOGS, of.payload)
    levels = scanned.resources, scanned.scopes, scanned.entries
    resource, scope, entry = (np.zeros((len(level), 2), np.uint64) for level in levels)
    count = np.zeros(len(entry), np.int64)
    assert kernel.records(of.payload, levels, keys, whole, (resource, scope, entry), count)
    return [part.tolist() for part in (resource, scope, entry, count)]


def test_a_record_that_ends_in_the_middle_is_refused_by_both_readers() -> None:
    whole = batch(record("a"), second=1).payload
    scanned = scan(Signal.LOGS, whole)
    entries = scanned.entries.copy()
    entries[0, 2] -= 1
    levels = scanned.resources, scanned.scopes, entries
    for kernel in (compiled_points(), twin_points()):
        if kernel is not None:
            ids = (np.zeros((1, 2), np.uint64), np.zeros((1, 2), np.uint64))
            room = (*ids, np.zeros((1, 2), np.uint64))
            assert not kernel.records(whole, levels, ((), False), True, room, np.zeros(1, np.int64))  # noqa: FBT003


def test_every_key_is_told() -> None:
    told = set(re.findall(r"`([a-z_]+)`", PAGE.read_text("utf-8")))

    assert set(LogdedupConfig.model_fields) <= told
    assert RECORDS_TREATED in METRICS
    assert RECORDS_TREATED in PAGE.read_text("utf-8")
