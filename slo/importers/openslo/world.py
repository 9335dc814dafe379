"""All OpenSLO objects of a run, and how one refers to another.

An object may stand by itself and be named, or be written where it is used. Only what an SLO
reaches is read; the rest is told, once for each object.

Source: OpenSLO specification, README; its Go SDK for the names that v2alpha changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from slo.diagnostic import Span
from slo.importers.part import Part
from slo.importers.report import Report
from slo.source import Scalar

V1ALPHA: Final = "openslo/v1alpha"
V1: Final = "openslo/v1"
V2ALPHA: Final = "openslo.com/v2alpha"
VERSIONS: Final = (V1ALPHA, V1, V2ALPHA)
KINDS: Final = (
    "Service",
    "SLO",
    "SLI",
    "DataSource",
    "AlertPolicy",
    "AlertCondition",
    "AlertNotificationTarget",
)


@dataclass(slots=True)
class World:
    """The objects by kind and name.

    Attributes:
        reached: Those that something refers to; what is left at the end is told.
    """

    report: Report
    objects: dict[tuple[str, str], Part] = field(default_factory=dict[tuple[str, str], Part])
    reached: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def add(self, kind: str, document: Part) -> None:
        """Make `document` known by its name."""
        metadata = document.child("metadata")
        name = metadata.needed("name") if metadata else None
        if metadata is None and not document.has("metadata"):
            self.report.malformed(f"{kind} needs metadata", document.span)
        if name is not None:
            first = self.objects.setdefault((kind, name.text), document)
            if first is not document:
                place = f"{first.span.file} line {first.span.line}"
                self.report.malformed(
                    f"{kind} {name.text} stands twice, first in {place}", name.span
                )

    def spec(self, kind: str, name: Scalar) -> Part | None:
        """The spec of the object that `name` means; None after it was reported."""
        document = self.objects.get((kind, name.text))
        if document is None:
            text = f"no {kind} is called {name.text!r}"
            self.report.unresolved(text, name.span, "name the file that holds it too")
            return None
        self.reached.add((kind, name.text))
        return inner(document)

    def inlined(self, part: Part, ref: str, kind: str) -> tuple[Part, Span] | None:
        """The spec that an item of a list holds, or refers to; and where it is asked for."""
        named = part.scalar(ref)
        if named is not None:
            found = self.spec(kind, named)
            return None if found is None else (found, named.span)
        found = inner(part)
        return None if found is None else (found, part.span)

    def leave(self) -> None:
        """Tell of every object that no SLO reaches, and of the keys of none of them."""
        for (kind, name), document in self.objects.items():
            if kind not in {"SLO", "Service"} and (kind, name) not in self.reached:
                self.report.changed(f"{kind} {name} is used by no SLO", document.span)
                drop(document)


def inner(document: Part) -> Part | None:
    """The spec of an object; its apiVersion, kind and metadata are of no further use."""
    document.take("apiVersion")
    document.take("kind")
    metadata = document.child("metadata")
    if metadata is not None:
        metadata.take("name")
        metadata.take("displayName")
    spec = document.child("spec")
    if spec is None:
        if not document.has("spec"):
            document.report.malformed(f"{document.what} needs spec", document.span)
        return None
    spec.take("description")
    return spec


def drop(part: Part) -> None:
    """Take every key, since the object as a whole was told of."""
    for entry in part.node.entries:
        part.take(entry.key.text)
    part.forget()


def sort(documents: Sequence[Part], report: Report) -> tuple[World, list[Part]]:
    """All objects, and the SLOs among them."""
    world = World(report)
    slos: list[Part] = []
    for document in documents:
        document.take("apiVersion")
        kind = document.needed("kind")
        if kind is None or kind.text not in KINDS:
            if kind is not None:
                text = f"kind must be one of {', '.join(KINDS)}, got {kind.text!r}"
                report.malformed(text, kind.span)
            drop(document)
            continue
        world.add(kind.text, document)
        if kind.text == "SLO":
            slos.append(document)
        elif kind.text == "Service":
            report.changed("a Service is the name that its SLOs carry", document.span)
            drop(document)
    return world, slos
