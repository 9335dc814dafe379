"""Tells foreign formats by apiVersion, or by sloth's `version`, and hands each to its reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final

from slo.diagnostic import Diagnostic
from slo.importers import openslo, pyrra, sloth
from slo.importers.native import Draft
from slo.importers.part import Part
from slo.importers.report import Report
from slo.source import Mapping, Node, Scalar


class Format(StrEnum):
    """Whose files we read."""

    SLOTH = "sloth"
    PYRRA = "pyrra"
    OPENSLO = "openslo"


_VERSIONS: Final = {
    **dict.fromkeys(openslo.VERSIONS, Format.OPENSLO),
    sloth.KUBERNETES: Format.SLOTH,
    pyrra.VERSION: Format.PYRRA,
}


def format_of(node: Node) -> Format | None:
    """Whose document `node` is; None where it is none that we know."""
    if not isinstance(node, Mapping):
        return None
    version = node.get("apiVersion")
    if isinstance(version, Scalar):
        return _VERSIONS.get(version.text)
    version = node.get("version")
    plain = isinstance(version, Scalar) and version.text == sloth.PLAIN
    return Format.SLOTH if plain and node.get("slos") is not None else None


def imported(nodes: Sequence[Node], owner: str = "") -> tuple[list[Mapping], list[Diagnostic]]:
    """Documents of ours for the foreign documents among `nodes`, and what there is to say.

    Args:
        nodes: Documents of one run: references go across files.
        owner: The Team of every SLO; empty leaves it to the settings.
    """
    report = Report()
    drafts: list[Draft] = []
    parts: dict[Format, list[Part]] = {form: [] for form in Format}
    for node in nodes:
        form = format_of(node)
        if form is not None and isinstance(node, Mapping):
            parts[form].append(Part(node, "the document", report))
    for part in parts[Format.SLOTH]:
        drafts.extend(sloth.read(part))
    for part in parts[Format.PYRRA]:
        drafts.extend(pyrra.read(part))
    drafts.extend(openslo.read(parts[Format.OPENSLO], report))
    for group in parts.values():
        for part in group:
            part.done()
    documents = [(_owned(draft, owner), draft.policy) for draft in drafts]
    return [each for pair in documents for each in pair if each is not None], report.problems


def _owned(draft: Draft, owner: str) -> Mapping:
    taken = {label.text for label in draft.by}
    labels = tuple(entry for entry in draft.labels if entry.key.text not in taken)
    return replace(draft, labels=labels).document(owner)
