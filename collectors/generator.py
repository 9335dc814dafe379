"""The collector's configuration as an output of `sloctl generate`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from typing import Final

from collectors.insert import AT_ADMISSION, clashes, inserted
from collectors.net.duration import show
from slo import source
from slo.diagnostic import Diagnostic, Level
from slo.emit.yaml import Value, dump
from slo.model import Compiled, OutputFile, SpansMatch
from slo.plugin import Generator, Output

PATH: Final = "collector/collector.yaml"
COUNTER: Final = "sli"
_STARTER: Final = "collector.yaml"

_COMMENT: Final = "# The events of the SLOs that are stated on spans, counted before any sampling."
_NS_PER_MS: Final = 1_000_000


class CollectorGenerator:
    """Writes the configuration whose endpoints the generated `prometheus.yml` scrapes.

    The `spans` indicators of the project are counted in every traces pipeline, before
    anything that samples; a project without any gets the file that `sloctl init` writes.
    """

    output = Output.COLLECTOR

    def check(self, compiled: Compiled) -> Iterable[Diagnostic]:
        """Only a configuration of the user's own can stand in the way."""
        base = compiled.project.settings.base.collector
        if base is None:
            return ()
        wrong = clashes(base, frozenset(_counted(compiled)))
        return tuple(
            Diagnostic("SLO041", Level.ERROR, f"{base.path}: {text}", base.place) for text in wrong
        )

    def generate(self, compiled: Compiled) -> Iterable[OutputFile]:
        """One file."""
        slos, base = _counted(compiled), compiled.project.settings.base.collector
        if base is not None:
            indicators = {slo_id: _indicator(spans) for slo_id, spans in slos.items()}
            return (OutputFile(PATH, inserted(base, indicators)),)
        text = files("collectors.starter").joinpath(_STARTER).read_text(encoding="utf-8")
        return (OutputFile(PATH, counting(text, slos) if slos else text),)


GENERATOR: Final[Generator] = CollectorGenerator()


def _counted(compiled: Compiled) -> dict[str, SpansMatch]:
    return {
        slo.slo_id: slo.sli.spans
        for slo in sorted(compiled.project.slos, key=lambda slo: slo.slo_id)
        if slo.sli.spans is not None
    }


def counting(text: str, slos: Mapping[str, SpansMatch]) -> str:
    """A configuration with the processor `sli` put in, comments and all else left alone.

    Args:
        text: A configuration with a block of processors, and in each traces pipeline a
            list of them in brackets.
        slos: What to count, by SLO id.

    Raises:
        ValueError: `text` is not of that shape.
    """
    lines = text.splitlines(keepends=True)
    root = source.load(_STARTER, text)[0][0]
    for row, column, word in sorted(_insertions(root), reverse=True):
        line = lines[row - 1]
        lines[row - 1] = line[: column - 1] + word + line[column - 1 :]
    processors = _entry(root, "processors")
    block = dump({COUNTER: {"slos": {slo_id: _indicator(of) for slo_id, of in slos.items()}}})
    lines.insert(
        processors.key.span.line,
        "".join(f"  {line}\n" for line in (_COMMENT, *block.splitlines())),
    )
    return "".join(lines)


def _insertions(root: source.Node) -> Iterator[tuple[int, int, str]]:
    """Where the counter's id goes in each traces pipeline: line, column, and the words."""
    pipelines = _entry(_entry(root, "service").value, "pipelines").value
    if not isinstance(pipelines, source.Mapping):
        msg = "service.pipelines must be a map"
        raise TypeError(msg)
    for entry in pipelines.entries:
        if entry.key.text.partition("/")[0] != "traces":
            continue
        listed = _entry(entry.value, "processors").value
        if not isinstance(listed, source.Sequence) or not listed.items:
            msg = f"the pipeline {entry.key.text} must list processors"
            raise ValueError(msg)
        for item in listed.items:
            if isinstance(item, source.Scalar) and item.text not in AT_ADMISSION:
                yield item.span.line, item.span.column, f"{COUNTER}, "
                break
        else:
            last = listed.items[-1].span
            yield last.line, last.end_column, f", {COUNTER}"


def _entry(node: source.Node, key: str) -> source.Entry:
    entry = node.entry(key) if isinstance(node, source.Mapping) else None
    if entry is None:
        msg = f"the configuration must have {key}"
        raise ValueError(msg)
    return entry


def _indicator(match: SpansMatch) -> Value:
    """One entry of the processor's `slos`; what is the processor's default is left out."""
    spans: dict[str, Value] = {"service": match.service}
    if match.span_name is not None:
        spans["span_name"] = match.span_name
    if match.attributes:
        spans["attributes"] = dict(match.attributes)
    bad: dict[str, Value] = {}
    if not match.bad_status:
        bad["status"] = False
    if match.bad_attributes:
        bad["attributes"] = dict(match.bad_attributes)
    if match.bad_above is not None:
        bad["above"] = show(match.bad_above.ms * _NS_PER_MS)
    if bad:
        spans["bad"] = bad
    return {"spans": spans}
