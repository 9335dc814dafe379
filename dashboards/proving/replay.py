"""A real Prometheus that holds the whole story, recorded series included."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dashboards.proving.history import Timeline, exposition, samples
from dashboards.proving.phases import HEALTHY
from dashboards.proving.recorded import Families, Rule, alerts, fired, levels, recorded
from dashboards.proving.scenario import Labels, Series, series_of
from dashboards.proving.users import own_events, silent, told
from slo.catalog import MetricCatalog
from slo.servers import prometheus, require


class ReplayError(RuntimeError):
    """promtool refused the story; the message is its own."""


@dataclass(frozen=True, slots=True)
class Replay:
    """Where the story is served.

    Attributes:
        own: SLOs that count what only their owner knows; their events were made up.
    """

    url: str
    own: tuple[str, ...]


@contextmanager
def replayed(
    catalog: MetricCatalog,
    rules: Sequence[Rule],
    timeline: Timeline,
    others: frozenset[str] = frozenset(),
) -> Generator[Replay]:
    """Serve the story until the block is left; nothing stays behind.

    Args:
        catalog: What the fleet and the collector measure.
        rules: What is recorded from it, and which alerts there are.
        timeline: When.
        others: Names of further series, served as one gauge each.

    Raises:
        MissingToolError: Prometheus or promtool is not to be had.
        ReplayError: promtool refused the samples.
        ServerError: Prometheus did not come up.
    """
    require("prometheus")
    with tempfile.TemporaryDirectory(prefix="fleetslo-panels-") as name:
        folder = Path(name)
        config = folder / "prometheus.yml"
        config.write_text("scrape_configs: []\n")
        fleet = _counted(series_of(catalog), timeline)
        _backfill(folder, {**_gauges(others, timeline), **fleet})
        with prometheus(folder, config) as server:
            own = own_events(rules, silent(server.url, rules, timeline.moments()[HEALTHY]))
        _backfill(folder, _counted((each for slo in own for each in slo.series), timeline))
        _backfill(folder, told(own, timeline))
        not_run = [rule for slo in own for rule in slo.told]
        for level in levels([rule for rule in rules if rule not in not_run]):
            with prometheus(folder, config) as server:
                families = recorded(server.url, level, timeline)
            _backfill(folder, families)
        with prometheus(folder, config) as server:
            firing = fired(server.url, rules, timeline)
        _backfill(folder, alerts(rules, timeline, firing))
        with prometheus(folder, config) as server:
            yield Replay(server.url, tuple(slo.slo_id for slo in own))


def _gauges(names: frozenset[str], timeline: Timeline) -> Families:
    points = [(time, 1.0) for time in timeline.scrapes()]
    labels = (("exporter", "otlphttp"), ("instance", "127.0.0.1:8888"), ("job", "collector"))
    return {name: [(labels, points)] for name in sorted(names) if not name.startswith("ALERTS")}


def _counted(found: Iterable[Series], timeline: Timeline) -> Families:
    times = timeline.scrapes()
    families: Families = {}
    for series in {(each.name, each.labels): each for each in found}.values():
        points = list(samples(series, timeline, times))
        families.setdefault(series.name, []).append((series.labels, points))
    return families


def _backfill(
    folder: Path, families: Mapping[str, Sequence[tuple[Labels, Sequence[tuple[int, float]]]]]
) -> None:
    """Write `families` as blocks into the database that `slo.servers.prometheus` serves."""
    if not any(families.values()):
        return
    text = folder / "samples.om"
    with text.open("w", encoding="utf-8") as sink:
        sink.writelines(exposition(families))
    data = folder / "prometheus-data"
    command = [
        str(require("promtool")),
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "--max-block-duration=720h",
        "--quiet",
        str(text),
        str(data),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    text.unlink()
    if done.returncode != 0:
        msg = f"promtool refused the story: {(done.stderr or done.stdout).strip()}"
        raise ReplayError(msg)
