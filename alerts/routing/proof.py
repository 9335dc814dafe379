"""Proves on a generated tree that every alert reaches its owner, with Alertmanager's own tool.

`amtool check-config` takes the file; the laws that it does not know hold; what teams and
runbooks say of the routing is so; for each alert the tool, our simulator and the alert's own
labels name the same receivers; and every template that a notification uses renders, since one
that does not render drops the page without a word (check-config does not look).
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final, cast

import yaml

from alerts.routing.crosscheck import FROM_SERIES, crosscheck
from alerts.routing.generator import CONFIG_PATH
from alerts.routing.insert import is_ours, own_part, read, wrapped
from alerts.routing.kinds import KINDS
from alerts.routing.lint import lint
from alerts.routing.sample import sample_data, stranger_data
from alerts.routing.simulate import receivers
from alerts.routing.tree import AUDIT, CATCH_ALL, NOBODY, WATCHDOG, Labels, Routing
from alerts.routing.words import RULES, meant, meant_labels, said_labels, words_of
from slo.model import SeverityWords
from slo.names import WATCHDOG as HEARTBEAT
from slo.plugin import Proof, Result, Verdict
from slo.servers import MissingToolError, require

_TIMEOUT_SECONDS: Final = 60.0
_STRANGER: Final = "stranger"
_SAMPLES: Final = {
    **{status: sample_data(status) for status in ("firing", "resolved")},
    _STRANGER: stranger_data(),
}
_CALL: Final = re.compile(r"\{\{.*?\}\}")


class AmtoolProof:
    """Routes and templates, proven with `amtool`."""

    name = "amtool"

    def run(self, directory: Path) -> Iterable[Result]:
        """Prove ``alertmanager/`` below `directory` against the rules beside it."""
        config = directory / CONFIG_PATH
        if not config.is_file():
            # Left out by `--only`; one that is missing, the manifest tells.
            return []
        try:
            words = words_of(directory / RULES)
            routing = meant(read(config.read_text("utf-8")), words)
        except ValueError as error:
            return [Result("amtool: read", Verdict.FAILED, str(error))]
        # In a configuration of the user's own, alerts of others go the user's own ways.
        alone = wrapped(routing) is None
        alerts = tuple(each for each in alert_labels(directory) if alone or is_ours(each))
        results = [_laws(routing), *crosscheck(directory, routing, alerts)]
        try:
            amtool = require("amtool")
        except MissingToolError as error:
            return [*results, Result("amtool", Verdict.SKIPPED, str(error))]
        results.append(_judge("amtool check-config", _run(amtool, "check-config", str(config))))
        results.append(_routes(partial(_told_by, amtool, config, words), routing, alerts))
        results.append(_templates(amtool, config.parent, routing))
        return results


def alert_labels(directory: Path) -> Iterator[dict[str, str]]:
    """The labels of every alerting rule below `directory`, and of an alert of nobody.

    Severities stand in our words, whatever the tree says. What only a series knows stands as ``x``.
    """
    words = words_of(directory / RULES)
    for path in sorted((directory / RULES).glob("*.yaml")):
        loaded: object = yaml.safe_load(path.read_text("utf-8"))
        for rule in _alerting(loaded):
            labels = cast("Mapping[str, object]", rule.get("labels") or {})
            known = {name: FROM_SERIES.sub("x", str(value)) for name, value in labels.items()}
            yield {**meant_labels(known, words), "alertname": str(rule["alert"])}
    yield {"alertname": "NobodyOwnsThis", "severity": "page", "team": "nobody-known"}


def expected(routing: Routing, labels: Mapping[str, str]) -> tuple[str, ...]:
    """Who must be told by the words of the labels alone, without looking at the routes."""
    if labels["alertname"] == HEARTBEAT:
        return (WATCHDOG,)
    defined = {receiver.name for receiver in routing.receivers}
    copy = (AUDIT,) if AUDIT in defined else ()
    if labels.get("severity") == "none":
        return (*copy, NOBODY)
    team = labels.get("team", "")
    own = f"fleetslo-{team}-{labels.get('severity', '')}"
    return (*copy, own if own in defined else CATCH_ALL)


def _laws(routing: Routing) -> Result:
    broken = lint(own_part(routing))
    verdict = Verdict.FAILED if broken else Verdict.PASSED
    return Result("alertmanager laws", verdict, "; ".join(broken))


def _routes(
    ask: Callable[[Labels], tuple[str, ...]],
    routing: Routing,
    alerts: tuple[dict[str, str], ...],
) -> Result:
    wrong: list[str] = []
    asked: dict[tuple[bool, ...], tuple[str, ...]] = {}
    matchers = [matcher for route in routing.root.walk() for matcher in route.matchers]
    for labels in alerts:
        # Alerts that fulfil the same matchers go the same way: one of them is asked for.
        kind = tuple(matcher.matches(labels) for matcher in matchers)
        if kind not in asked:
            asked[kind] = ask(labels)
        want, ours, told = expected(routing, labels), receivers(routing, labels), asked[kind]
        if not want == ours == told:
            wrong.append(
                f"{labels['alertname']} must reach {_and(want)}, simulated {_and(ours)}, "
                f"amtool {_and(told)}"
            )
    name = f"amtool config routes test: {len(alerts)} alerts of {len(asked)} kinds"
    return Result(name, Verdict.FAILED if wrong else Verdict.PASSED, "; ".join(wrong))


def _told_by(amtool: Path, config: Path, words: SeverityWords, labels: Labels) -> tuple[str, ...]:
    """Whom amtool names, asked in the words of the file."""
    shown = sorted(said_labels(labels, words).items())
    pairs = [f'{name}="{_escaped(value)}"' for name, value in shown]
    answer = _run(amtool, "config", "routes", "test", f"--config.file={config}", *pairs)
    if answer.returncode != 0:
        return (answer.stderr.strip() or answer.stdout.strip(),)
    return tuple(answer.stdout.strip().split(","))


def _templates(amtool: Path, folder: Path, routing: Routing) -> Result:
    # The texts of every kind, used or not: a team may add a destination at any time.
    ours = [kind.content for kind in KINDS.values()]
    used = [block for receiver in routing.receivers for _, block in receiver.integrations]
    uses = sorted({call for block in (*ours, *used) for call in _calls(block)})
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="fleetslo-") as scratch:
        for told, sample in _SAMPLES.items():
            data = Path(scratch) / f"{told}.json"
            data.write_text(sample, "utf-8")
            for kind, text in uses:
                answer = _run(
                    amtool,
                    "template",
                    "render",
                    f"--template.glob={folder}/templates/*.tmpl",
                    f"--template.type={kind}",
                    f"--template.data={data}",
                    f"--template.text={text}",
                )
                # Somebody else's alert has no runbook: a link to it may be empty.
                empty = not answer.stdout.strip() and told != _STRANGER
                if answer.returncode != 0 or empty:
                    said = answer.stderr.strip() or "nothing"
                    wrong.append(f"{text} ({told}) renders {said}")
    name = f"amtool template render: {len(uses)} texts"
    return Result(name, Verdict.FAILED if wrong else Verdict.PASSED, "; ".join(wrong))


def _calls(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, each in cast("Mapping[str, object]", value).items():
            yield from _calls(each, name)
    elif isinstance(value, list | tuple):
        for each in cast("Iterable[object]", value):
            yield from _calls(each, key)
    elif isinstance(value, str) and _CALL.search(value):
        yield ("html" if key == "html" else "text"), value


def _alerting(loaded: object) -> Iterator[Mapping[str, object]]:
    groups = cast("Mapping[str, list[Mapping[str, object]]]", loaded or {}).get("groups", [])
    for group in groups:
        rules = cast("list[Mapping[str, object]]", group.get("rules") or [])
        yield from (rule for rule in rules if "alert" in rule)


def _run(amtool: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(amtool), *arguments],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )


def _judge(name: str, answer: subprocess.CompletedProcess[str]) -> Result:
    if answer.returncode == 0:
        return Result(name, Verdict.PASSED)
    return Result(name, Verdict.FAILED, f"{answer.stdout}{answer.stderr}".strip())


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _and(names: Iterable[str]) -> str:
    return " and ".join(names)


PROOF: Final[Proof] = AmtoolProof()
