"""The table of formats, printed as JSON Schema (2020-12) for editors."""

from __future__ import annotations

from typing import TypeAlias

from slo.spec.check import CAMEL_PATTERN, LABEL_PATTERN, MAX_NAME, NAME_PATTERN
from slo.spec.forms import (
    Choice,
    Flag,
    Form,
    Label,
    Length,
    LengthOrNumber,
    ListOf,
    MapOf,
    Name,
    Number,
    Percent,
    ScalarOr,
    Shape,
    Text,
    WordOr,
)
from slo.spec.shapes import KINDS

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

_DURATION = r"^([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$"


def json_schema() -> dict[str, Json]:
    """One schema for all kinds; each is told by its `kind`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "fleetslo/v1",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {"kind": {"enum": list(KINDS)}},
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
                "then": _of(shape),
            }
            for kind, shape in KINDS.items()
        ],
    }


def _of(form: Form) -> dict[str, Json]:  # noqa: PLR0911 - one line per form
    match form:
        case Shape():
            return _shape(form)
        case ListOf():
            return {"type": "array", "items": _of(form.item)}
        case MapOf():
            return {
                "type": "object",
                "propertyNames": _of(form.key),
                "additionalProperties": _of(form.value),
            }
        case ScalarOr():
            return {"anyOf": [_of(form.scalar), _of(form.mapping)]}
        case WordOr():
            return {"anyOf": [{"const": form.word}, _of(form.other)]}
        case LengthOrNumber():
            return {"anyOf": [_of(Length()), _of(Number())]}
        case _:
            return _scalar(form)


def _scalar(form: Form) -> dict[str, Json]:  # noqa: PLR0911 - one line per form
    match form:
        case Percent():
            return {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100}
        case Number():
            return {"type": "number", "exclusiveMinimum": 0}
        case Length():
            return {"type": "string", "pattern": _DURATION, "minLength": 2}
        case Choice():
            return {"enum": [str(word) for word in form.words]}
        case Flag():
            return {"type": "boolean"}
        case Name():
            pattern = CAMEL_PATTERN if form.camel else NAME_PATTERN
            return {"type": "string", "pattern": f"^{pattern}$", "maxLength": MAX_NAME}
        case Label():
            return {"type": "string", "pattern": f"^{LABEL_PATTERN}$"}
        case Text():
            return {"type": ["string", "number", "boolean"]}
        case _:
            return {}


def _shape(shape: Shape) -> dict[str, Json]:
    properties: dict[str, Json] = {
        key.name: {**_of(key.form), "description": key.doc} for key in shape.keys
    }
    schema: dict[str, Json] = {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }
    required: list[Json] = [key.name for key in shape.keys if key.required]
    if required:
        schema["required"] = required
    if shape.one_of:
        schema["oneOf"] = [{"required": [name]} for name in shape.one_of]
    return schema
