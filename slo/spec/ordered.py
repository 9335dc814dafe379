"""SLOs in the order in which they can be read: a composite after its members."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from slo.model import Slo
from slo.spec.composite import is_composite, parts
from slo.spec.context import Context, Document
from slo.spec.cycles import cycles
from slo.spec.slos import completed, identity, read_slo


def read_slos(found: Sequence[Document], context: Context) -> list[Slo]:
    """Every SLO of `found` that has no error; `context` knows them from then on."""
    slos: list[Slo] = []
    waiting: dict[str, tuple[Document, tuple[str, ...]]] = {}
    for document in found:
        members = _members(document, context)
        if members:
            waiting[identity(document)] = (document, members)
        else:
            slos.extend(_read(document, context))
    while waiting:
        ready = [own for own, (_, members) in waiting.items() if not waiting.keys() & members]
        if not ready:
            _circles(waiting, context)
            break
        for own in ready:
            slos.extend(_read(waiting.pop(own)[0], context))
    return slos


def _read(document: Document, context: Context) -> Iterator[Slo]:
    slo = read_slo(document, context)
    if slo is not None:
        context.slos[slo.slo_id] = slo
        yield slo


def _members(document: Document, context: Context) -> tuple[str, ...]:
    """The ids of the SLOs that `document` reads; a name that nobody has is reported."""
    spec = completed(document, context)
    if not is_composite(spec):
        return ()
    service = document.metadata.text("service")
    named = parts(spec.child("sli").child("composite"))
    return tuple(context.slo(part.named, service) for part in named)


def _circles(waiting: Mapping[str, tuple[Document, tuple[str, ...]]], context: Context) -> None:
    for circle in cycles({own: members for own, (_, members) in waiting.items()}):
        text = f"SLOs are made of each other in a circle: {' -> '.join((*circle, circle[0]))}"
        context.problems.error("SLO023", text, waiting[circle[0]][0].place)
