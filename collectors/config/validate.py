"""Turns a tree into a pydantic model; every pydantic error becomes a located problem."""

from __future__ import annotations

import re
import typing
from typing import Final, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from collectors.config.problems import Code, error, nearest
from collectors.config.tree import Plain, place, plain
from slo import source
from slo.diagnostic import Diagnostic

ModelT = TypeVar("ModelT", bound=BaseModel)
Path = tuple[str | int, ...]

_LONGEST_SHOWN = 60
_QUOTED: Final = re.compile("'([^']*)'")
_RULES: Final = {
    "too_short": "must hold at least {min_length}",
    "too_long": "must hold at most {max_length}",
    "string_too_short": "must not be empty",
    "model_type": "must be a map",
    "dict_type": "must be a map",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "path_type": "must be a path",
    "literal_error": "must be one of {expected}",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_pattern_mismatch": "must match {pattern}",
}
"""pydantic's kinds of errors in our words: what, got, allowed."""


def build(
    model: type[ModelT],
    root: source.Node,
    path: Path,
    problems: list[Diagnostic],
) -> ModelT | None:
    """The model of what stands at `path` below `root`; None after adding what is wrong.

    A block that is written without a value (``grpc:``) means the block with its defaults.
    """
    try:
        return built(model, plain(_at(root, path)))
    except ValidationError as failure:
        problems.extend(
            _located(model, root, path, detail) for detail in failure.errors(include_url=False)
        )
        return None


def built(model: type[ModelT], value: Plain) -> ModelT:
    """The model of a value without places; raises pydantic's ValidationError."""
    filled = _with_blocks(model, value)
    return model.model_validate({} if filled is None else filled)


def _at(node: source.Node, path: Path) -> source.Node:
    for part in path:
        if isinstance(node, source.Mapping):
            node = node.get(str(part)) or source.Scalar("", "null", quoted=False, span=node.span)
    return node


def _with_blocks(model: type[BaseModel], value: Plain) -> Plain:
    """`value` with an empty map wherever a known block has no value."""
    if not isinstance(value, dict):
        return value
    filled = dict(value)
    for name, item in value.items():
        block = block_type(model, name)
        if block is not None:
            filled[name] = {} if item is None else _with_blocks(block, item)
    return filled


def block_type(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The model of field `name`, where the field is a block and not a list or map of them."""
    field = _field(model, name)
    if field is None:
        return None
    for choice in (field.annotation, *typing.get_args(field.annotation)):
        if isinstance(choice, type) and issubclass(choice, BaseModel):
            return choice
    return None


def _field(model: type[BaseModel], name: str) -> FieldInfo | None:
    """The field that stands in a file as `name`."""
    for key, field in model.model_fields.items():
        if name == (field.alias or key):
            return field
    return None


def _known_keys(model: type[BaseModel], parts: Path) -> tuple[str, ...]:
    """The keys that are allowed where `parts` leads to."""
    current = model
    for part in parts:
        field = _field(current, str(part))
        if field is None:
            continue  # an index or a free key: the model stays the one found before it
        found = _models_in(field.annotation)
        if not found:
            return ()
        current = found[0]
    return tuple(field.alias or key for key, field in current.model_fields.items())


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in _models_in(part)]


def _located(
    model: type[BaseModel], root: source.Node, path: Path, detail: ErrorDetails
) -> Diagnostic:
    where = detail["loc"]
    name = ".".join(str(part) for part in where) or str(path[-1] if path else "file")
    if detail["type"] == "extra_forbidden":
        return error(
            Code.UNKNOWN_KEY,
            f"unknown key {name}",
            place(root, (*path, *where), of_key=True),
            nearest(str(where[-1]), _known_keys(model, where[:-1])),
        )
    if detail["type"] == "missing":
        above = place(root, (*path, *where[:-1]), of_key=True)
        return error(Code.VALUE, f"{name} is required", above)
    text = f"{name} {_words(detail, is_secret=_is_secret(model, where))}"
    return error(Code.VALUE, text, place(root, (*path, *where)), _meant(detail))


def _is_secret(model: type[BaseModel], parts: Path) -> bool:
    """Whether a secret stands where `parts` leads to, or a block that is to hold one."""
    current, last = model, len(parts) - 1
    for at, part in enumerate(parts):
        field = _field(current, str(part))
        if field is None:
            continue
        below = _models_in(field.annotation)
        inside = [of.annotation for block in below for of in block.model_fields.values()]
        if any(map(_mentions_secret, [field.annotation, *(inside if at == last else ())])):
            return True
        current = below[0] if below else current
    return False


def _mentions_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(map(_mentions_secret, typing.get_args(annotation)))


def _meant(detail: ErrorDetails) -> str:
    """The word that was misspelled, where one of a few was wanted."""
    if detail["type"] != "literal_error" or not isinstance(detail["input"], str):
        return ""
    choices = _QUOTED.findall(str(detail.get("ctx", {}).get("expected")))
    found = nearest(detail["input"], choices)
    return found if found.startswith("did you mean") else ""


def _words(detail: ErrorDetails, *, is_secret: bool) -> str:
    """What pydantic says, as the rest of a sentence that begins with the field's name.

    A secret is not quoted: the sentence goes into the daemon's log when it reads again.
    """
    reason: object = detail.get("ctx", {}).get("error")
    if isinstance(reason, Exception):
        return str(reason)
    text = _RULES.get(detail["type"])
    if text is None:
        text = detail["msg"].removeprefix("Input ").removeprefix("Value ")
        text = text[:1].lower() + text[1:]
    else:
        text = text.format_map(detail.get("ctx", {}))
    if is_secret:
        return f"{text}, and what stands there is not"
    got = repr(detail["input"])
    if len(got) > _LONGEST_SHOWN:
        got = f"{got[:_LONGEST_SHOWN]}..."
    return f"{text}, got {got}"
