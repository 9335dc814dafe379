"""SLOs that two components mean differently: what one counts is not what the other keeps."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from collectors.config.model import Component, Loaded
from collectors.config.problems import Code, warning
from collectors.config.registry import Kind
from collectors.indicators import HasIndicators, SpansConfig
from slo.diagnostic import Diagnostic


def agreeing(loaded: Loaded) -> Iterator[Diagnostic]:
    """Every SLO whose `spans` are not the same wherever it is named."""
    first: dict[str, tuple[str, SpansConfig]] = {}
    for component in _using(loaded):
        if not isinstance(component.config, HasIndicators):
            continue
        for name, spans in component.config.indicators().items():
            who, known = first.setdefault(name, (component.component_id, spans))
            if spans != known:
                text = (
                    f"{component.component_id} means other events by {name} than {who}: "
                    f"{_difference(known, spans)}"
                )
                way_out = "write it once, and repeat it with a YAML anchor"
                yield warning(Code.PIPELINE, text, component.place, way_out)


def _using(loaded: Loaded) -> Iterator[Component]:
    """Components that some pipeline uses; those that count before the others."""
    used = {name for of in loaded.pipelines for name in (*of.processors, *of.exporters)}
    found = [
        of
        for of in loaded.components.values()
        if of.kind in {Kind.PROCESSORS, Kind.CONNECTORS} and of.component_id in used
    ]
    return iter(sorted(found, key=lambda of: (of.type_name != "sli", of.component_id)))


def _difference(known: BaseModel, other: BaseModel) -> str:
    """The first field that differs, blocks looked into."""
    for name in type(known).model_fields:
        one, two = getattr(known, name), getattr(other, name)
        if isinstance(one, BaseModel) and isinstance(two, BaseModel):
            if one != two:
                return f"{name}.{_difference(one, two)}"
        elif one != two:
            shown = [of.model_dump(mode="json")[name] for of in (other, known)]
            return f"{name} is {shown[0]!r}, and there {shown[1]!r}"
    return ""
