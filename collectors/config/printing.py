"""`print-config`: the effective configuration as YAML, with our differences marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import yaml
from pydantic import BaseModel

from collectors.config.model import Loaded
from collectors.config.registry import Kind
from collectors.config.validate import block_type
from collectors.net.fields import DIFFERS, Remarked

_INDENT = "  "


def printed(loaded: Loaded) -> str:
    """The whole configuration, every default filled in; it can be read again.

    A field whose default is not the OpenTelemetry Collector's says so in a comment.
    """
    lines: list[str] = []
    for kind in Kind:
        components = loaded.of(kind)
        if not components:
            continue
        lines.append(f"{kind}:")
        for component in components:
            lines.extend(_block(component.component_id, component.config, 1))
    lines.append("service:")
    if loaded.extensions:
        lines.append(f"{_INDENT}extensions: {_flow(list(loaded.extensions))}")
    lines.append(f"{_INDENT}pipelines:")
    for pipeline in loaded.pipelines:
        lines.append(f"{_INDENT * 2}{_flow(pipeline.name)}:")
        lines.extend(
            f"{_INDENT * 3}{role}: {_flow(list(ids))}"
            for role, ids in (
                ("receivers", pipeline.receivers),
                ("processors", pipeline.processors),
                ("exporters", pipeline.exporters),
            )
        )
    lines.extend(_block("telemetry", loaded.telemetry, 1))
    return "\n".join(lines) + "\n"


def _block(name: str, model: BaseModel, depth: int) -> Iterator[str]:
    values: Mapping[str, object] = model.model_dump(mode="json", by_alias=True)
    pad = _INDENT * depth
    if not values:
        yield f"{pad}{_flow(name)}: {{}}"
        return
    yield f"{pad}{_flow(name)}:"
    for attribute, field in type(model).model_fields.items():
        key = field.alias or attribute
        value: object = getattr(model, attribute)
        if isinstance(value, BaseModel):
            yield from _block(key, value, depth + 1)
            continue
        if isinstance(value, list) and any(isinstance(item, BaseModel) for item in value):
            yield f"{pad}{_INDENT}{key}:"
            yield from (f"{pad}{_INDENT}- {_entry(item)}" for item in value)
            continue
        if value is None and block_type(type(model), key) is not None:
            continue  # written out, a block without a value means the block with its defaults
        extra = field.json_schema_extra
        other = extra.get(DIFFERS) if isinstance(extra, dict) else None
        mark = f"  # the OpenTelemetry Collector's default: {other}" if other is not None else ""
        yield f"{pad}{_INDENT}{key}: {_flow(values[key])}{mark}"


def _entry(item: object) -> str:
    """One entry of a list, with what is to be said of it."""
    shown = item.model_dump(mode="json", by_alias=True) if isinstance(item, BaseModel) else item
    remark = item.remark() if isinstance(item, Remarked) else ""
    return f"{_flow(shown)}  # {remark}" if remark else _flow(shown)


def _flow(value: object) -> str:
    """A value on one line of YAML, its keys as they are declared."""
    text = yaml.safe_dump(
        value, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")
