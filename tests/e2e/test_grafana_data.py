"""Grafana's own data library on our panels: what it shows is what we meant.

Units, thresholds, mappings, overrides and transformations are executed with `@grafana/data`
on frames made from the answers of a real Prometheus.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dashboards import palette
from dashboards.preview.fields import series_name
from dashboards.proof import OWN_SERIES, boards_below
from dashboards.proving.history import Timeline
from dashboards.proving.reading import Node as FileNode
from dashboards.proving.reading import Panel, mapping, nodes, read, word
from dashboards.proving.recorded import rules_below
from dashboards.proving.replay import replayed
from dashboards.proving.run import Reply, ask_as_grafana, choices, range_seconds, verdict_of
from slo.catalog import metrics
from slo.servers import find

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / ".servers" / "grafana-data" / "node_modules"
DRAWN = ("stat", "bargauge", "timeseries", "table", "nodeGraph", "state-timeline", "status-history")
COLOURS = {"good": palette.GOOD, "watch": palette.WATCH, "bad": palette.BAD}

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("node") is None or not (LIBRARY / "@grafana" / "data").is_dir(),
        reason="@grafana/data is not to be had, run `make grafana-data`",
    ),
    pytest.mark.skipif(
        find("prometheus") is None or find("promtool") is None,
        reason="prometheus and promtool are not to be had, run `make servers`",
    ),
]
GRAPH = "debug/Agent topology"
FIRING = "on-call/Alerts that fire, the longest first"
Node = dict[str, Any]
"""What goes to Grafana's code and comes back."""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Node]:
    """Every panel of the starter project, with frames of its answers in a fast burn.

    Nothing but pages fires then: the list of alerts is asked in a slow burn too.
    """
    folder = tmp_path_factory.mktemp("grafana-data")
    specs, out = str(folder / "specs"), str(folder / "out")
    for arguments in (["init", specs], ["generate", specs, "--out", out]):
        command = [sys.executable, "-c", "from slo.cli import main; main()", *arguments]
        subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    timeline = Timeline.until(int(time.time()) // 86_400 * 86_400)
    moments = timeline.moments()
    found: dict[str, Node] = {}
    with replayed(metrics(), rules_below(Path(out)), timeline, OWN_SERIES) as story:
        for view, board in boards_below(Path(out)).items():
            values, seconds = choices(board), range_seconds(board)
            for panel in board.panels:
                frames = []
                key = f"{view}/{panel.title}"
                phases = ["fast-burn", "slow-burn"] if key == FIRING else ["fast-burn"]
                for phase, target in itertools.product(phases, panel.targets):
                    if target.expr:
                        at = moments[phase]
                        reply = ask_as_grafana(story.url, panel, target, values, seconds, at)
                        assert isinstance(reply, Reply)
                        frames += framed(panel, target.node, reply)
                if panel.kind in DRAWN and frames:
                    found[key] = {
                        "panel": panel.node,
                        "frames": frames,
                        "probes": probes(panel),
                    }
    return found


@pytest.fixture(scope="module")
def drawn(asked: dict[str, Node]) -> Node:
    return grafana(asked)


def grafana(panels: dict[str, Node]) -> Node:
    """What Grafana's own code makes of `panels`."""
    done = subprocess.run(
        ["node", str(ROOT / "tests" / "grafana_data" / "draw.cjs")],
        input=json.dumps({"panels": panels}),
        env=os.environ | {"NODE_PATH": str(LIBRARY)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    result: Node = json.loads(done.stdout)
    return result


def framed(panel: Panel, target: FileNode, reply: Reply) -> list[Node]:
    """Frames as Grafana's Prometheus data source makes them: a table, or one for each series."""
    ref = word(target, "refId")
    if word(target, "format") != "table":
        return [
            {
                "refId": ref,
                "fields": [
                    {"name": "Time", "type": "time", "values": [t * 1000 for t, _ in each.points]},
                    {
                        "name": "Value",
                        "type": "number",
                        "values": [value for _, value in each.points],
                        "labels": dict(each.labels),
                        "legend": series_name(word(target, "legendFormat"), each.labels),
                    },
                ],
            }
            for each in reply.answers
        ]
    names = sorted({name for each in reply.answers for name in each.labels})
    value = f"Value #{ref}" if len(panel.targets) > 1 else "Value"
    columns = [
        {"name": n, "type": "string", "values": [e.labels.get(n, "") for e in reply.answers]}
        for n in names
    ]
    times = [each.points[-1][0] * 1000 for each in reply.answers]
    lasts = [each.points[-1][1] for each in reply.answers]
    return [
        {
            "refId": ref,
            "fields": [
                {"name": "Time", "type": "time", "values": times},
                *columns,
                {"name": value, "type": "number", "values": lasts},
            ],
        }
    ]


def probes(panel: Panel) -> list[float]:
    """Each limit of `panel`, and values just beside it."""
    steps = nodes(mapping(panel.defaults.get("thresholds")).get("steps"))
    edges = [float(str(step["value"])) for step in steps if step.get("value") is not None]
    beside = [value for edge in edges for value in (edge - 1e-6, edge, edge + 1e-6)]
    return [0.0, 1.0, *beside]


def fields(drawn: Node, key: str) -> list[Node]:
    return [field for frame in drawn["panels"][key]["frames"] for field in frame["fields"]]


def test_grafana_knows_every_unit(asked: dict[str, Node], drawn: Node) -> None:
    units = {each["panel"]["fieldConfig"]["defaults"]["unit"] for each in asked.values()}

    assert units - set(drawn["units"]) == set()
    assert len(asked) > 50


def test_grafana_colours_a_number_as_the_proof_judges_it(
    asked: dict[str, Node], drawn: Node
) -> None:
    wrong = []
    judged = 0
    for key, each in asked.items():
        if each["panel"]["type"] in {"stat", "bargauge"}:
            (panel,) = read(json.dumps({"panels": [each["panel"]]})).panels
            for probe in drawn["panels"][key]["probes"]:
                verdict = verdict_of(panel, probe["value"])
                judged += bool(verdict)
                if verdict and probe["color"].upper() != COLOURS[verdict]:
                    wrong.append((key, probe, verdict))

    assert wrong == []
    assert judged > 30


def test_the_topology_keeps_its_numbers_through_the_transformation(drawn: Node) -> None:
    frames = {frame["refId"]: frame["found"] for frame in drawn["panels"][GRAPH]["frames"]}

    assert frames["nodes"]["id"]
    assert frames["nodes"]["mainstat"]
    assert all(frames["edges"][name] for name in ("id", "source", "target", "mainstat"))


@pytest.mark.parametrize(
    "rename",
    [
        {"id": "organize", "options": {"renameByName": {"Value #edges": "mainstat"}}},
        {"id": "renameByRegex", "options": {"regex": "Value.*", "renamePattern": "mainstat"}},
    ],
)
def test_renaming_a_field_would_lose_the_statistic_in_silence(
    asked: dict[str, Node], rename: Node
) -> None:
    broken = copy.deepcopy(asked[GRAPH])
    broken["panel"]["transformations"] = [rename]

    frames = grafana({"broken": broken})["panels"]["broken"]["frames"]

    assert not any(frame["found"]["mainstat"] for frame in frames)


def test_the_alert_list_begins_with_how_bad_what_and_since_when(drawn: Node) -> None:
    shown = set()
    for frame in drawn["panels"][FIRING]["frames"]:
        titles = [field["title"] for field in frame["fields"] if not field["hidden"]]
        assert titles[:3] == ["Severity", "Alert", "Firing for"]
        assert "Time" not in titles
        shown |= {(one["text"], one["color"].upper()) for one in frame["fields"][0]["values"]}

    assert shown == {("▲ page", palette.BAD), ("● ticket", palette.WATCH)}


def test_the_slo_table_is_one_table_with_a_line_for_each_slo(drawn: Node) -> None:
    (frame,) = drawn["panels"]["on-call/SLOs, the fastest spending first"]["frames"]
    titles = [field["title"] for field in frame["fields"]]
    by_title = {field["title"]: field["values"] for field in frame["fields"]}

    assert titles == ["SLO", "Objective", "Budget left", "Burn rate"]
    assert len(by_title["SLO"]) == len({one["value"] for one in by_title["SLO"]}) == 10
    assert {one["text"] for one in by_title["Objective"]} >= {"99.900%", "99.000%"}
    assert palette.BAD in {one["color"].upper() for one in by_title["Burn rate"]}
    assert palette.GOOD in {one["color"].upper() for one in by_title["Burn rate"]}


def test_no_value_is_shown_as_not_a_number(drawn: Node) -> None:
    strange = {
        (key, one["text"])
        for key in drawn["panels"]
        for field in fields(drawn, key)
        if field["type"] == "number"
        for one in field["values"]
        if one["text"].lower() in {"nan", "undefined", "null", "infinity"}
    }

    assert strange == set()
