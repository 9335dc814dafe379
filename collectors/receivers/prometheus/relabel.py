"""Relabelling of targets and samples, as Prometheus does it.

Source: Prometheus, "Configuration", relabel_config. Expressions are Python's, which agree
with RE2 on everything but a few classes; they always match the whole text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from collectors.component import Config
from collectors.patterns import Match, Pattern, pattern

Labels = dict[str, str]

_REFERENCE: Final = re.compile(r"\$(?:(\d+|[A-Za-z_]\w*)|\{(\w+)\}|(\$))")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _regex(value: str) -> str:
    pattern(_over_lines(value))
    return value


def _over_lines(value: str) -> str:
    """`value` with a dot that stands for a line's end too, as Prometheus has it."""
    return f"(?s:{value})"


class RelabelConfig(Config):
    """One step.

    Attributes:
        source_labels: Joined by `separator`, they are what `regex` is matched with.
        replacement: What is put in; ``$1`` stands for a group of `regex`. In this file a
            dollar sign is written twice.
    """

    source_labels: tuple[str, ...] = ()
    separator: str = ";"
    target_label: str = ""
    regex: Annotated[str, AfterValidator(_regex)] = "(.*)"
    modulus: Annotated[int, Field(ge=0)] = 0
    replacement: str = "$1"
    action: Literal[
        "replace",
        "keep",
        "drop",
        "keepequal",
        "dropequal",
        "hashmod",
        "labelmap",
        "labeldrop",
        "labelkeep",
        "lowercase",
        "uppercase",
    ] = "replace"

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        targeted = {"replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal"}
        if self.action in targeted and not self.target_label:
            msg = f"{self.action} needs target_label"
            raise ValueError(msg)
        if self.action == "hashmod" and not self.modulus:
            msg = "hashmod needs a modulus above 0"
            raise ValueError(msg)
        return self


class Relabeller:
    """Steps, applied in order."""

    def __init__(self, steps: Sequence[RelabelConfig]) -> None:
        self._steps = [(step, pattern(_over_lines(step.regex))) for step in steps]

    def __bool__(self) -> bool:
        return bool(self._steps)

    def apply(self, labels: Labels) -> Labels | None:
        """The labels afterwards; None where a step drops what has them."""
        found = dict(labels)
        for step, regex in self._steps:
            if not _stays(step, regex, found):
                return None
            found = _changed(step, regex, found)
        return {name: value for name, value in found.items() if value}


def _joined(step: RelabelConfig, labels: Labels) -> str:
    return step.separator.join(labels.get(name, "") for name in step.source_labels)


def _stays(step: RelabelConfig, regex: Pattern, labels: Labels) -> bool:
    value = _joined(step, labels)
    match step.action:
        case "keep":
            return regex.fullmatch(value) is not None
        case "drop":
            return regex.fullmatch(value) is None
        case "keepequal":
            return labels.get(step.target_label, "") == value
        case "dropequal":
            return labels.get(step.target_label, "") != value
        case _:
            return True


def _changed(  # noqa: PLR0911 - one line for each action
    step: RelabelConfig, regex: Pattern, labels: Labels
) -> Labels:
    value = _joined(step, labels)
    match step.action:
        case "replace":
            return _replaced(step, regex.fullmatch(value), labels)
        case "hashmod":
            # The last eight bytes of an MD5, as Prometheus takes them.
            digest = hashlib.md5(value.encode(), usedforsecurity=False).digest()
            number = int.from_bytes(digest[8:], "big") % step.modulus
            return {**labels, step.target_label: str(number)}
        case "lowercase":
            return {**labels, step.target_label: value.lower()}
        case "uppercase":
            return {**labels, step.target_label: value.upper()}
        case "labeldrop":
            return {name: of for name, of in labels.items() if not regex.fullmatch(name)}
        case "labelkeep":
            return {name: of for name, of in labels.items() if regex.fullmatch(name)}
        case "labelmap":
            return labels | {
                _expanded(step.replacement, match): of
                for name, of in labels.items()
                if (match := regex.fullmatch(name)) is not None
            }
        case _:
            return labels


def _replaced(step: RelabelConfig, match: Match | None, labels: Labels) -> Labels:
    if match is None:
        return labels
    name = _expanded(step.target_label, match)
    if _NAME.fullmatch(name) is None:
        return labels
    return {**labels, name: _expanded(step.replacement, match)}


def _expanded(template: str, match: Match) -> str:
    """`template` with the groups of `match` in place of ``$1`` and ``${name}``."""

    def group(reference: re.Match[str]) -> str:
        if reference[3]:
            return "$"
        name = reference[1] or reference[2]
        try:
            return match.group(int(name) if name.isdigit() else name) or ""
        except IndexError:
            return ""

    return _REFERENCE.sub(group, template)
