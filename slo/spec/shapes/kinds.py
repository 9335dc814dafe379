"""Every kind of document, with its whole form."""

from __future__ import annotations

from typing import Final

from slo.spec.forms import Anything, Choice, Key, Name, Shape, Text
from slo.spec.shapes.common import API_VERSION, LABELS
from slo.spec.shapes.operations import ALERT_SPEC, MAINTENANCE_SPEC, TEAM_SPEC
from slo.spec.shapes.settings import SETTINGS_SPEC
from slo.spec.shapes.slo import CLASS_SPEC, SLO_PARTIAL


def _metadata(*, camel: bool, service: bool) -> Shape:
    keys = [
        Key("name", Name(camel=camel), "what it is called", required=True),
        Key("title", Text(), "what people read"),
        Key("labels", LABELS, "labels of one's own"),
    ]
    if service:
        keys.append(Key("service", Name(), "what it belongs to", required=True))
    return Shape("metadata", tuple(keys))


def _document(kind: str, spec: Shape | Anything, metadata: Shape) -> Shape:
    return Shape(
        kind,
        (
            Key("apiVersion", Choice((API_VERSION,)), "the version of the format", required=True),
            Key("kind", Choice((kind,)), "what the document is", required=True),
            Key("metadata", metadata, "who it is", required=True),
            Key("spec", spec, "what it says", required=True),
        ),
    )


_PLAIN: Final = _metadata(camel=False, service=False)
KINDS: Final = {
    "SLO": _document("SLO", Shape("spec", SLO_PARTIAL), _metadata(camel=False, service=True)),
    "Alert": _document("Alert", ALERT_SPEC, _metadata(camel=True, service=True)),
    "Class": _document("Class", CLASS_SPEC, _PLAIN),
    "Team": _document("Team", TEAM_SPEC, _PLAIN),
    "Policy": _document("Policy", Anything(), _PLAIN),
    "Maintenance": _document("Maintenance", MAINTENANCE_SPEC, _PLAIN),
    "Settings": _document("Settings", SETTINGS_SPEC, _PLAIN),
}
