"""Records are replayed under the configuration that they were taken under, whatever comes after."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collectors.component import Context, Refused
from collectors.config.load import Text, here, load
from collectors.config.plan import plan
from collectors.config.registry import Registry
from collectors.graph import InboxWords, OutboxWords
from collectors.log import Entry, Kind, Log, OsFileSystem, Store, StoreSettings
from collectors.log.disk import OsFile
from collectors.service import ExporterPlan, GraphPlan, ReceiverPlan, Service, ServicePlan
from tests.collector_parts import ScriptedExporter, span_names, spans
from tests.collector_setup import TRACES, Setup, SumView, dead_letters, down, imbalance, until
from tests.recovered_daemon import plan_of, settled, started

BEFORE = """
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
processors:
  filter: {traces: {span: ['IsMatch(name, "-[0-4]$")']}}
  probabilistic_sampler: {sampling_percentage: 50}
  attributes/token: {actions: [{key: token, value: hush, action: insert}]}
connectors: {forward: {}}
exporters:
  file/left: {path: DIRECTORY/left}
  file/right: {path: DIRECTORY/right}
  otlp_http: {endpoint: "http://127.0.0.1:1", headers: {authorization: Bearer-of-the-exporter}}
extensions: {file_storage: {directory: DIRECTORY/data, max_size: 16MiB, retain: 0s}}
service:
  extensions: [file_storage]
  pipelines:
    traces:
      receivers: [otlp]
      processors: [filter, attributes/token]
      exporters: [file/left, forward]
    traces/few:
      receivers: [forward]
      processors: [probabilistic_sampler]
      exporters: [file/right, otlp_http]
  telemetry: {metrics: {level: none}}
"""

CHANGES: Mapping[str, Mapping[str, str]] = {
    "filter": {'"-[0-4]$"': '"-[5-9]$"'},
    "sampler": {"percentage: 50": "percentage: 3"},
    "exporters": {"[file/right, otlp_http]": "[file/left]"},
    "connector": {"[file/left, forward]": "[file/left]", "[forward]": "[otlp]"},
}
Output = tuple[int, int, tuple[str, ...], tuple[str, ...]]


def changed(change: str) -> str:
    text = BEFORE
    for old, new in CHANGES[change].items():
        assert old in text
        text = text.replace(old, new)
    return text


def traced(*names: str) -> bytes:
    """Spans of a trace each."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for name in names:
        trace = sha256(name.encode()).digest()[:16]
        scope.spans.add(name=name, trace_id=trace, span_id=trace[:8], end_time_unix_nano=1)
    return request.SerializeToString()


def planned(directory: Path, setup: Setup, text: str = BEFORE) -> ServicePlan:
    """The plan of a configuration; what it sends goes to the setup's left, or right, exporter."""
    given = Text("collector.yaml", text.replace("DIRECTORY", str(directory)))
    loaded, problems = load([given], here(), Registry.installed())
    assert loaded is not None, problems
    found = plan(loaded)
    return replace(
        found,
        receivers={"otlp": ReceiverPlan(create=setup.receiver)},
        exporters={
            name: ExporterPlan(
                create=lambda _, is_left="left" in name: setup.left if is_left else setup.right
            )
            for name in found.exporters
        },
        grace_seconds=0.0,
    )


def append(directory: Path, *names: str) -> int:
    """Put a request into the inbox as a daemon does that is killed right after; its offset."""
    log = Log(Store(OsFileSystem(), directory / "data" / "inbox", StoreSettings()))
    offset, words = log.end, InboxWords("otlp", Context(), f"{log.end:032x}").encode()
    entry = Entry(Kind.DATA, TRACES, len(names), log.steady_ns, 1, words, traced(*names))
    log.append_now([entry])
    log.close()
    return offset


def outputs(directory: Path, since: int) -> list[Output]:
    """What the outbox says was made of the records from `since` on."""
    log = Log(Store(OsFileSystem(), directory / "data" / "outbox", StoreSettings()))
    reader = log.reader(log.first_offset)
    found: list[Output] = []
    while records := reader.read():
        for record in records:
            words = OutboxWords.decode(record.meta)
            if words.origin >= since:
                names = tuple(span_names(record.payload))
                found.append((words.origin, words.index, words.destinations, names))
    reader.close()
    log.close()
    return found


def names(of: str) -> list[str]:
    return [f"{of}-{number}" for number in range(10)]


async def run_once(what: ServicePlan, version: str = "") -> int:
    service = Service(what, version=version)
    await service.start()
    await settled(service)
    difference = imbalance(service)
    await service.stop()
    return difference


@pytest.mark.parametrize("change", CHANGES)
def test_records_that_a_kill_left_unprocessed_are_processed_as_they_were_meant_to_be(
    tmp_path: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        live, same, other = (tmp_path / name for name in ("live", "same", "other"))
        assert await run_once(planned(live, Setup(live))) == 0
        first = append(live, *names("a"))
        append(live, *names("b"), *names("c"))
        for copy in (same, other):
            shutil.copytree(live, copy)

        assert await run_once(planned(same, Setup(same))) == 0
        setup = Setup(other)
        what = planned(other, setup, changed(change))
        async with started(what) as service:
            await settled(service)
            intake = setup.receivers[-1].intake
            await intake.submit(TRACES, traced(*names("d")), 10, Context())
            await settled(service)
            assert imbalance(service) == 0

        wanted = outputs(same, first)
        found = outputs(other, first)
        assert len(wanted) == 4
        assert found[: len(wanted)] == wanted
        assert found[len(wanted) :] != []
        new = {name for _, _, _, got in found[len(wanted) :] for name in got}
        if change == "filter":
            assert new == {f"d-{number}" for number in range(5)}

    asyncio.run(scenario())
    assert "processed anew" not in caplog.text


WAITS = BEFORE.replace(
    "  filter:",
    "  tail_sampling: {decision_wait: 1h, policies: [{name: a, type: always_sample}]}\n  filter:",
    1,
).replace("[filter, attributes/token]", "[tail_sampling, attributes/token]")


@pytest.mark.parametrize(
    "taken_out",
    [
        {"[tail_sampling, attributes/token]": "[attributes/token]"},
        {"    traces:\n": "    traces/x:\n"},
    ],
    ids=["processor", "pipeline"],
)
def test_what_waits_in_a_component_that_is_taken_out_goes_on_to_its_destinations(
    tmp_path: Path, taken_out: Mapping[str, str]
) -> None:
    after = WAITS
    for old, new in taken_out.items():
        assert old in after
        after = after.replace(old, new)

    async def scenario() -> None:
        await run_once(planned(tmp_path, Setup(tmp_path), WAITS))
        first = append(tmp_path, *names("a"))
        async with started(planned(tmp_path, Setup(tmp_path), WAITS)) as service:
            await until(service.is_ready)
            assert imbalance(service) == 0
        assert outputs(tmp_path, first) == []
        for _ in range(2):
            assert await run_once(planned(tmp_path, Setup(tmp_path), after)) == 0

        whole, few = outputs(tmp_path, first)
        assert whole[2:] == (("file/left",), tuple(names("a")))
        assert few[2] == ("file/right", "otlp_http")

    asyncio.run(scenario())


def test_what_goes_to_a_destination_that_is_no_more_is_listed(tmp_path: Path) -> None:
    async def scenario() -> None:
        await run_once(planned(tmp_path, Setup(tmp_path)))
        append(tmp_path, *names("a"))
        assert await run_once(planned(tmp_path, Setup(tmp_path), changed("exporters"))) == 0

    asyncio.run(scenario())
    assert {reason for reason, _ in dead_letters(tmp_path / "data")} == {
        "the destination was removed from the configuration"
    }


def test_each_of_several_configurations_replays_its_own_records_and_none_twice(
    tmp_path: Path,
) -> None:
    """Killed in each of four configurations before anything was saved, and in the replay."""
    texts = (changed("filter"), changed("connector"), BEFORE)

    def at(directory: Path, text: str) -> ServicePlan:
        down_here = ScriptedExporter(down)
        found = planned(tmp_path, Setup(directory, left=down_here, right=down_here), text)
        return replace(found, storage=replace(found.storage, directory=directory / "data"))

    async def scenario() -> None:
        live = tmp_path / "0"
        async with started(at(live, BEFORE)) as service:
            await until(service.is_ready)
        offsets = [append(live, *names("a"))]
        for number, text in enumerate(texts, start=1):
            before, live = live, tmp_path / str(number)
            async with started(at(before, text)) as service:
                await until(service.is_ready)
                shutil.copytree(before, live)
            offsets.append(append(live, *names("abxd"[number])))
        for _ in range(2):
            async with started(at(live, BEFORE)) as service:
                await until(service.is_ready)
                assert imbalance(service) == 0

        found = outputs(live, offsets[0])
        assert len({output[:2] for output in found}) == len(found)
        made = {offset: [output for output in found if output[0] == offset] for offset in offsets}
        late, early = range(5, 10), range(5)
        for offset, of, numbers in zip(offsets, "abxd", (late, early, late, late), strict=True):
            assert made[offset][0][2:] == (("file/left",), tuple(f"{of}-{n}" for n in numbers))
            assert made[offset][1][2] == ("file/right", "otlp_http")
        few = [set(made[offset][1][3]) for offset in offsets]
        assert all(few[n] <= set(made[offsets[n]][0][3]) for n in (0, 1, 3))
        assert few[2] & {f"x-{number}" for number in early}  # sampled before any filter

    asyncio.run(scenario())


@pytest.mark.parametrize("loss", ["version", "not kept", "no recipe"])
def test_a_configuration_that_cannot_be_built_any_more_costs_duplicates_and_one_line(
    tmp_path: Path, loss: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path / "live")
        async with started(planned(tmp_path / "live", setup)) as service:
            await settled(service)
            for number in range(3):
                payload = traced(*names(str(number)))
                await setup.receivers[-1].intake.submit(TRACES, payload, 10, Context())
            await settled(service)
            shutil.copytree(tmp_path / "live", tmp_path / "killed")
        killed, again = tmp_path / "killed", Setup(tmp_path / "killed")
        what = planned(killed, again, changed("filter"))
        if loss == "not kept":
            for path in (killed / "data" / "state").glob("configuration-*"):
                path.unlink()
        if loss == "no recipe":
            what = replace(what, rebuild=None)
        old = [f"{n}-{i}" for n in range(3) for i in range(5, 10)]
        assert setup.left.names == old
        for _ in range(2):
            assert await run_once(what, "2" if loss == "version" else "") == 0
        new = [f"{n}-{i}" for n in range(3) for i in range(5)]
        assert set(again.left.names) - set(old) == set(new)
        assert max(Counter(again.left.names).values()) == 1

    asyncio.run(scenario())
    lines = [record for record in caplog.records if "processed anew" in record.getMessage()]
    assert len(lines) == 1
    assert ("version" if loss == "version" else "cannot be") in lines[0].getMessage()


def test_a_view_that_is_gone_gets_nothing_and_nothing_of_it_is_put_into_the_outbox(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path / "live")
        first = plan_of(setup)
        graph = GraphPlan(
            processors=first.processors, connectors=first.connectors, pipelines=first.pipelines
        )

        def rebuild(recipe: str) -> GraphPlan:
            assert recipe == "first"
            return graph

        first = replace(first, recipe="first", rebuild=rebuild)
        async with started(first) as service:
            await settled(service)
            shutil.copytree(tmp_path / "live", tmp_path / "data")
        words = InboxWords("in", Context(), "0" * 32).encode()
        log = Log(Store(OsFileSystem(), tmp_path / "data" / "inbox", StoreSettings()))
        log.append_now([Entry(Kind.DATA, TRACES, 1, log.steady_ns, 1, words, spans("a"))])
        log.close()

        again = replace(setup, directory=tmp_path / "data", view=SumView())
        second = plan_of(again)
        second = replace(
            second,
            fingerprint="second",
            rebuild=rebuild,
            exporters={n: of for n, of in second.exporters.items() if n != "view"},
            connectors={},
            pipelines={"traces": replace(second.pipelines["traces"], exporters=("left", "right"))},
        )
        async with started(second) as service:
            await settled(service)
            assert imbalance(service) == 0
            assert again.left.names == again.right.names == ["a"]
        assert dead_letters(tmp_path / "data") == []

    asyncio.run(scenario())


def test_what_is_kept_of_a_configuration_has_no_secrets_of_its_ends_and_is_its_owners(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        for number in range(3):
            text = BEFORE.replace("percentage: 50", f"percentage: {50 + number}")
            await run_once(planned(tmp_path, Setup(tmp_path), text))

    asyncio.run(scenario())
    kept = list((tmp_path / "data" / "state").glob("configuration-*"))
    assert len(kept) == 1  # what no record needs any more is not kept
    assert b"Bearer-of-the-exporter" not in kept[0].read_bytes()
    assert b"probabilistic_sampler" in kept[0].read_bytes()
    assert kept[0].stat().st_mode & 0o777 == 0o600


def test_nothing_is_taken_before_the_inbox_says_under_what(tmp_path: Path) -> None:
    class Full(OsFileSystem):
        is_full = True

        def open(self, path: Path) -> OsFile:
            return self._limited(path, super().open(path))

        def create(self, path: Path) -> OsFile:
            return self._limited(path, super().create(path))

        def _limited(self, path: Path, file: OsFile) -> OsFile:
            if path.parent.name == "inbox" and self.is_full:
                file.close()
                msg = "no space"
                raise OSError(28, msg)
            return file

    async def scenario() -> None:
        setup, files = Setup(tmp_path), Full()
        service = Service(plan_of(setup), files=files)
        await service.start()
        assert not service.is_ready()
        with pytest.raises(Refused):
            await setup.send("a")
        files.is_full = False
        await until(service.is_ready)
        await setup.send("a")
        await settled(service)
        assert setup.left.names == ["a"]
        await service.stop()

    asyncio.run(scenario())
