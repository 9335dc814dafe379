"""Reads one or several configuration files into a `Loaded`, or says all that is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collectors.component import Config, Signal
from collectors.config import tree
from collectors.config.check import check
from collectors.config.model import Component, Loaded, Pipeline, PipelineConfig, ServiceConfig
from collectors.config.problems import Code, error, nearest
from collectors.config.registry import Kind, PluginError, Registry
from collectors.config.validate import build
from slo import source
from slo.diagnostic import Diagnostic, Span, has_errors

_FOLDER: Final = "name a file in it; sloctl generate writes DIR/collector/collector.yaml"
_SECTIONS = (*(kind.value for kind in Kind), "service")


@dataclass(frozen=True, slots=True)
class Text:
    """One configuration file: its name as the user gave it, and its whole text."""

    name: str
    text: str


def read(paths: Sequence[Path]) -> tuple[list[Text], list[Diagnostic]]:
    """Read the files; those that cannot be read are problems."""
    texts: list[Text] = []
    problems: list[Diagnostic] = []
    for path in paths:
        try:
            texts.append(Text(str(path), path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError) as failure:
            reason = failure.strerror if isinstance(failure, OSError) else str(failure)
            text = f"cannot read {path}: {reason}"
            problems.append(error(Code.FILE, text, None, _FOLDER if path.is_dir() else ""))
    return texts, problems


def here() -> tree.Surroundings:
    """The environment and the files of this process."""
    return tree.Surroundings(os.environ, lambda path: Path(path).read_text(encoding="utf-8"))


def load(
    texts: Sequence[Text], around: tree.Surroundings, registry: Registry
) -> tuple[Loaded | None, list[Diagnostic]]:
    """Read, substitute, merge and check.

    Args:
        texts: In order; a later file goes over an earlier one: maps merge, lists replace.
        around: What `${env:...}` and `${file:...}` read.
        registry: The installed components.

    Returns:
        The configuration, None if anything is an error; and every problem, by place.
    """
    problems: list[Diagnostic] = []
    root = _root(texts, around, problems)
    if root is None:
        return None, problems
    loaded = _Loader(root, registry, problems).run()
    _drop_echoes(problems)
    problems.sort(key=lambda problem: problem.place or Span("", 0, 0, 0))
    return (None if has_errors(problems) else loaded), problems


def _drop_echoes(problems: list[Diagnostic]) -> None:
    """Take out what follows from a reference that could not be replaced."""
    failed = {problem.place for problem in problems if problem.code == Code.SUBSTITUTION}
    problems[:] = [
        problem
        for problem in problems
        if problem.place not in failed or problem.code == Code.SUBSTITUTION
    ]


def _root(
    texts: Sequence[Text], around: tree.Surroundings, problems: list[Diagnostic]
) -> source.Mapping | None:
    """All files merged; None where one of them cannot be read as YAML."""
    merged: source.Node | None = None
    for text in texts:
        documents, found = source.load(text.name, text.text)
        problems.extend(found)
        start = Span(text.name, 1, 1, 2)
        if len(documents) > 1:
            problems.append(
                error(Code.SYNTAX, "one document is allowed, got several", documents[1].span)
            )
        if not documents:
            if not found:
                problems.append(error(Code.SYNTAX, "the file is empty", start))
            continue
        document = tree.substitute(documents[0], around, problems)
        if not isinstance(document, source.Mapping):
            problems.append(error(Code.SYNTAX, "must be a map of sections", document.span))
            continue
        merged = document if merged is None else tree.merge(merged, document)
    if has_errors(problems) and any(problem.code.startswith("SLO") for problem in problems):
        return None
    return merged if isinstance(merged, source.Mapping) else None


class _Loader:
    """One run over a merged tree; collects problems and goes on."""

    def __init__(
        self, root: source.Mapping, registry: Registry, problems: list[Diagnostic]
    ) -> None:
        self._root = root
        self._registry = registry
        self._problems = problems

    def run(self) -> Loaded | None:
        self._check_sections()
        components: dict[tuple[Kind, str], Component] = {}
        declared: set[tuple[Kind, str]] = set()
        for kind in Kind:
            section = self._root.get(kind.value)
            self._check_is_map(kind.value, section)
            for entry in tree.entries(section):
                declared.add((kind, entry.key.text))
                component = self._component(kind, entry)
                if component is not None:
                    components[kind, component.component_id] = component
        service = self._service()
        if service is None:
            return None
        loaded = Loaded(
            components,
            self._pipelines(service),
            service.extensions,
            service.telemetry,
            json.dumps(tree.plain(self._root), sort_keys=True),
        )
        check(loaded, declared, self._root, self._problems)
        return loaded

    def _check_sections(self) -> None:
        for entry in self._root.entries:
            if entry.key.text not in _SECTIONS:
                text = f"unknown section {entry.key.text}"
                way_out = nearest(entry.key.text, _SECTIONS)
                self._problems.append(error(Code.UNKNOWN_KEY, text, entry.key.span, way_out))

    def _check_is_map(self, name: str, node: source.Node | None) -> None:
        empty = isinstance(node, source.Scalar) and node.tag == "null"
        if node is not None and not empty and not isinstance(node, source.Mapping):
            self._problems.append(error(Code.VALUE, f"{name} must be a map of ids", node.span))

    def _component(self, kind: Kind, entry: source.Entry) -> Component | None:
        component_id, place = entry.key.text, entry.key.span
        name, slash, suffix = component_id.partition("/")
        if slash and not suffix:
            text = f"{component_id} must have a name after the slash"
            self._problems.append(error(Code.VALUE, text, place))
            return None
        resolved = self._registry.resolve(kind, name)
        if resolved is None:
            text = f"no {kind.one} named {name} is installed"
            way_out = nearest(name, self._registry.names(kind))
            self._problems.append(error(Code.UNKNOWN_COMPONENT, text, place, way_out))
            return None
        try:
            factory = self._registry.load(kind, resolved)
        except PluginError as failure:
            self._problems.append(error(Code.PLUGIN, str(failure), place))
            return None
        model: type[Config] = factory.config
        config = build(model, self._root, (kind.value, component_id), self._problems)
        if config is None:
            return None
        return Component(kind, component_id, resolved, config, factory, place)

    def _service(self) -> ServiceConfig | None:
        if self._root.get("service") is None:
            self._problems.append(error(Code.PIPELINE, "service is required", self._root.span))
            return None
        return build(ServiceConfig, self._root, ("service",), self._problems)

    def _pipelines(self, service: ServiceConfig) -> tuple[Pipeline, ...]:
        pipelines: list[Pipeline] = []
        for name in service.pipelines:
            path = ("service", "pipelines", name)
            lists = build(PipelineConfig, self._root, path, self._problems)
            place = tree.place(self._root, path, of_key=True)
            kind = name.partition("/")[0]
            if kind not in set(Signal):
                way_out = nearest(kind, set(Signal))
                text = f"a pipeline is named after its signal, got {name}"
                self._problems.append(error(Code.PIPELINE, text, place, way_out))
                continue
            if lists is None:
                continue
            pipelines.append(
                Pipeline(
                    name,
                    Signal(kind),
                    lists.receivers,
                    lists.processors,
                    lists.exporters,
                    place,
                )
            )
        return tuple(pipelines)
