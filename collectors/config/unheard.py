"""Attributes that a processor asks for, and that one before it has taken out."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.config import tree
from collectors.config.model import Loaded, Pipeline
from collectors.config.problems import Code, warning
from collectors.config.registry import Kind
from collectors.keys import ReadsKeys, RemovesKeys
from slo import source
from slo.diagnostic import Diagnostic


def unheard(loaded: Loaded, root: source.Node) -> Iterator[Diagnostic]:
    """Keys that nobody can find any more, at the place of who asks for them."""
    for pipeline in loaded.pipelines:
        yield from _in(pipeline, loaded, root)


def _in(pipeline: Pipeline, loaded: Loaded, root: source.Node) -> Iterator[Diagnostic]:
    gone: dict[str, str] = {}
    for index, component_id in enumerate(pipeline.processors):
        component = loaded.components.get((Kind.PROCESSORS, component_id))
        if component is None:
            continue
        if isinstance(component.config, ReadsKeys):
            place = tree.place(root, ("service", "pipelines", pipeline.name, "processors", index))
            for key in sorted(set(component.config.read_keys()) & gone.keys()):
                text = f"{component_id} asks for {key}, which {gone[key]} before it takes out"
                way_out = f"put {component_id} before {gone[key]}"
                yield warning(Code.PIPELINE, text, place, way_out)
        if isinstance(component.config, RemovesKeys):
            gone |= dict.fromkeys(component.config.removed_keys(), component_id)
