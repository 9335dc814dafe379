"""Generated files, read back as plain values; the proofs trust nothing but their text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

import yaml

Plain: TypeAlias = "str | int | float | bool | Sequence[Plain] | Mapping[str, Plain] | None"


def load(file: Path) -> Mapping[str, Plain]:
    """The one mapping in `file`, YAML or JSON.

    Raises:
        ValueError: It holds something else.
    """
    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    try:
        value = cast("Plain", yaml.load(file.read_text(encoding="utf-8"), loader))  # noqa: S506
    except yaml.YAMLError as error:
        msg = f"{file} is not YAML: {error}"
        raise ValueError(msg) from error
    if not isinstance(value, Mapping):
        msg = f"{file} must hold a mapping"
        raise ValueError(msg)  # noqa: TRY004 - what stands in a file is a value
    return value


def mappings(value: Plain) -> Iterator[Mapping[str, Plain]]:
    """The mappings in a list; nothing from anything else."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            if isinstance(item, Mapping):
                yield item


def texts(value: Plain) -> dict[str, str]:
    """The pairs of a mapping whose values are texts."""
    if not isinstance(value, Mapping):
        return {}
    return {key: text for key, text in value.items() if isinstance(text, str)}


def strings(value: Plain) -> Iterator[str]:
    """Every text anywhere below `value`."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from strings(item)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it stands in a rule file.

    Attributes:
        name: Its record or its alert.
        value: All of it.
    """

    file: str
    group: str
    name: str
    is_alert: bool
    expr: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    value: Mapping[str, Plain]


def rules_of(file: Path) -> Iterator[Rule]:
    """Every rule of a rule file, in order.

    Raises:
        ValueError: It is no YAML mapping.
    """
    for group in mappings(load(file).get("groups")):
        for value in mappings(group.get("rules")):
            told = texts(value)
            yield Rule(
                file=file.name,
                group=texts(group).get("name", ""),
                name=told.get("alert") or told.get("record", ""),
                is_alert="alert" in told,
                expr=told.get("expr", ""),
                labels=texts(value.get("labels")),
                annotations=texts(value.get("annotations")),
                value=value,
            )
