"""The files of a game day: made by `sloctl`, with nothing changed but addresses and waits.

What differs from production is said here and nowhere else: where things listen, how often
metrics are scraped and rules evaluated, and how long Alertmanager gathers before it tells.
No `for` and no threshold is touched.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import yaml

from slo.catalog import metrics

SCRAPE_SECONDS: Final = 5
EVALUATION_SECONDS: Final = 5
SLOW_EVALUATION_SECONDS: Final = 30
PUSH_SECONDS: Final = 5
GROUP_WAIT_SECONDS: Final = 1
COUNTING_SECONDS: Final = 15
"""At the longest until the collector has counted a span: it waits for those around it."""
_LIMITED: Final = "mas.action.type"
_GENERATE_SECONDS: Final = 120
_GROUP_WAIT: Final = re.compile(r"(group_wait: )(?!0s\b)\S+")

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"


class TreeError(RuntimeError):
    """`sloctl` refused; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Free ports of loopback, one for each thing that listens."""

    grpc: int
    http: int
    self_metrics: int
    agent_metrics: int
    health: int
    prometheus: int
    alertmanager: int

    @classmethod
    def pick(cls) -> Ports:
        """Seven that nobody listened on a moment ago."""
        with ExitStack() as held:
            return cls(*(_free(held) for _ in range(7)))

    def moved(self) -> Mapping[str, str]:
        """The addresses of the starter files, and where we put them."""
        defaults = {
            4317: self.grpc,
            4318: self.http,
            8888: self.self_metrics,
            8889: self.agent_metrics,
            13133: self.health,
            9090: self.prometheus,
            9093: self.alertmanager,
        }
        addresses = {f"127.0.0.1:{old}": f"127.0.0.1:{new}" for old, new in defaults.items()}
        return {**addresses, "port: 8888": f"port: {self.self_metrics}"}


@dataclass(frozen=True, slots=True)
class Also:
    """What the collector does beside what the starter files say.

    Attributes:
        understands: It counts what agents tell in the words of frameworks.
        watches: It finds out what agents without metrics do not say.
        limits_series: It holds the types of actions within the catalogue's bound.
        destination: Base URL that it sends traces to as well; empty is nowhere.
    """

    understands: bool = False
    watches: bool = False
    limits_series: bool = False
    destination: str = ""


NOTHING: Final = Also()


@dataclass(frozen=True, slots=True)
class Tree:
    """The specs and what was generated from them, both below `folder`."""

    folder: Path

    @property
    def specs(self) -> Path:
        """What `sloctl init` wrote: the files that a user would edit."""
        return self.folder / "specs"

    @property
    def out(self) -> Path:
        """What `sloctl generate` wrote."""
        return self.folder / "generated"

    @property
    def prometheus(self) -> Path:
        """Prometheus' configuration."""
        return self.out / "prometheus" / "prometheus.yml"

    @property
    def alertmanager(self) -> Path:
        """Alertmanager's configuration."""
        return self.out / "alertmanager" / "alertmanager.yml"

    @property
    def collector(self) -> Path:
        """The collector's configuration."""
        return self.out / "collector" / "collector.yaml"

    @property
    def runbooks(self) -> Path:
        """One page for each alert."""
        return self.out / "runbooks"

    @property
    def data(self) -> Path:
        """Where the collector keeps its logs, and writes traces and log records."""
        return self.folder / "collector-state"


def write(tree: Tree, ports: Ports, webhooks: str, runbooks: str, also: Also = NOTHING) -> str:
    """Make everything, with `sloctl init` and `sloctl generate`; what the latter said.

    Args:
        tree: Where to.
        ports: Where everything will listen.
        webhooks: ``host:port`` that stands for every team.
        runbooks: Base address of the runbook pages.
        also: What else the collector is to do.

    Raises:
        TreeError: `sloctl` refused.
    """
    sloctl("init", str(tree.specs))
    moved = {**ports.moved(), "127.0.0.1:9095": webhooks}
    _replace(sorted(tree.specs.rglob("*.yaml")), moved)
    _settings(tree.specs, ports, runbooks)
    said = sloctl("generate", str(tree.specs), "--out", str(tree.out))
    tree.data.mkdir()
    moved["${env:FLEETSLO_STATE}"] = str(tree.data)
    _replace((tree.prometheus, tree.collector), moved)
    if also != NOTHING:
        tree.collector.write_text(extended(tree.collector.read_text("utf-8"), also), "utf-8")
    waits = tree.alertmanager.read_text("utf-8")
    tree.alertmanager.write_text(hurried(waits), "utf-8")
    return said


def write_as_it_is(tree: Tree, webhooks: str, words: Mapping[str, str] | None = None) -> None:
    """Make everything with production's intervals; only the teams' webhooks are moved.

    Args:
        tree: Where to.
        webhooks: ``host:port`` that stands for every team.
        words: What is put in place of what else in the specs.

    Raises:
        TreeError: `sloctl` refused.
    """
    sloctl("init", str(tree.specs))
    moved = {"127.0.0.1:9095": webhooks, **(words or {})}
    _replace(sorted(tree.specs.rglob("*.yaml")), moved)
    sloctl("generate", str(tree.specs), "--out", str(tree.out))


def sloctl(*arguments: str) -> str:
    """Run `sloctl` as a user would; returns the last line that it printed.

    Raises:
        TreeError: It did not exit with 0.
    """
    command = [sys.executable, "-c", "from slo.cli import main; main()", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_GENERATE_SECONDS, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        msg = f"sloctl {arguments[0]} exited with {done.returncode}: {said}"
        raise TreeError(msg)
    lines = done.stdout.strip().splitlines()
    return lines[-1] if lines else ""


def hurried(alertmanager: str) -> str:
    """Alertmanager's configuration, made to gather for a second at most."""
    return _GROUP_WAIT.sub(rf"\g<1>{GROUP_WAIT_SECONDS}s", alertmanager)


def extended(collector: str, also: Also) -> str:
    """The collector's configuration, made to do more."""
    config: dict[str, Plain] = yaml.safe_load(collector)
    pipelines = _mapping(_mapping(config["service"])["pipelines"])
    traces = _mapping(pipelines["traces"])
    steps, ends = _list(traces["processors"]), _list(traces["exporters"])
    if also.understands:
        steps.insert(steps.index("redaction") + 1, "agent_normalizer")
        ends.append("agentmetrics")
        _mapping(config["processors"])["agent_normalizer"] = None
        every = f"{PUSH_SECONDS}s"
        config["connectors"] = {"agentmetrics": {"wait": every, "metrics_flush_interval": every}}
        pipelines["metrics/agents"] = {"receivers": ["agentmetrics"], "exporters": ["prometheus"]}
    if also.watches:
        silent: Plain = ["fleetslo"]
        connectors = _mapping(config["connectors"])
        _mapping(connectors["agentmetrics"])["without_metrics"] = silent
        connectors["agentdetectors"] = {"without_metrics": silent}
        for name in ("traces", "logs"):
            _list(_mapping(pipelines[name])["exporters"]).append("agentdetectors")
        pipelines["metrics/watched"] = {
            "receivers": ["agentdetectors"],
            "exporters": ["prometheus"],
        }
    if also.limits_series:
        bounds = {each.key: each.bound for each in metrics().attributes}
        _list(_mapping(pipelines["metrics"])["processors"]).append("cardinality")
        _mapping(config["processors"])["cardinality"] = {
            "attributes": {_LIMITED: bounds[_LIMITED]},
            "interval": f"{PUSH_SECONDS}s",
        }
    if also.destination:
        ends.append("otlp_http")
        _mapping(config["exporters"])["otlp_http"] = {"endpoint": also.destination}
    return yaml.safe_dump(config, sort_keys=False)


def _settings(specs: Path, ports: Ports, runbooks: str) -> None:
    """The project's settings: our addresses and intervals, everything else as it was."""
    wanted: dict[str, Plain] = {
        "urls": {
            "runbooks": runbooks,
            "grafana": runbooks.rpartition("/")[0],
            "prometheus": f"http://127.0.0.1:{ports.prometheus}",
            "alertmanager": f"http://127.0.0.1:{ports.alertmanager}",
        },
        "intervals": {
            "scrape": f"{SCRAPE_SECONDS}s",
            "fast": f"{EVALUATION_SECONDS}s",
            "slow": f"{SLOW_EVALUATION_SECONDS}s",
        },
    }
    for path in sorted(specs.rglob("*.yaml")):
        documents = list(yaml.safe_load_all(path.read_text("utf-8")))
        found = [each for each in documents if each and each.get("kind") == "Settings"]
        if found:
            for document in found:
                for key, values in wanted.items():
                    spec = document.setdefault("spec", {})
                    spec[key] = {**(spec.get(key) or {}), **_mapping(values)}
            path.write_text(yaml.safe_dump_all(documents, sort_keys=False), "utf-8")
            return
    document = {
        "apiVersion": "fleetslo/v1",
        "kind": "Settings",
        "metadata": {"name": "gameday"},
        "spec": wanted,
    }
    (specs / "settings.yaml").write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")


def _mapping(value: Plain) -> dict[str, Plain]:
    """The object itself, or an empty one."""
    return value if isinstance(value, dict) else {}


def _list(value: Plain) -> list[Plain]:
    """The list itself, or an empty one."""
    return value if isinstance(value, list) else []


def _replace(paths: Sequence[Path], words: Mapping[str, str]) -> None:
    for path in paths:
        text = path.read_text("utf-8")
        for old, new in words.items():
            text = text.replace(old, new)
        path.write_text(text, "utf-8")


def _free(held: ExitStack) -> int:
    probe = held.enter_context(socket.socket())
    probe.bind(("127.0.0.1", 0))
    port: int = probe.getsockname()[1]
    return port
