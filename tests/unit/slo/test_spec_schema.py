"""The JSON Schema for editors and the compiler agree."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from slo.spec.forms import Key, ListOf, ScalarOr, Shape
from slo.spec.schema import json_schema
from slo.spec.shapes import KINDS
from tests.front_end import TEAM, alert_text, document, slo_text

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = sorted(
    path
    for folder in ("slo/catalog", "alerts/operational")
    for path in (ROOT / folder).rglob("*.yaml")
    if path.name != "metrics.yaml"
)


class Plain(yaml.SafeLoader):
    """As editors read YAML: 1.2, where a date is a text."""


Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if not tag.endswith(("timestamp", "int"))]
    + [(tag, pattern) for tag, pattern in pairs if tag.endswith("int") and first in "0123456789"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def faults(text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(json_schema())
    return [
        error.message
        for node in yaml.load_all(text, Plain)
        if node is not None
        for error in validator.iter_errors(node)
    ]


def test_it_is_a_valid_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json.loads(json.dumps(json_schema())) == json_schema()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_documents_satisfy_it(path: Path) -> None:
    assert faults(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        slo_text(objective="101"),
        slo_text(more="  ownr: x\n"),
        slo_text(sli="    {}\n"),
        slo_text("Check_Out"),
        alert_text("queue-stuck"),
        alert_text().replace("page", "critical"),
        TEAM.replace("webhook", "pigeon"),
        document("Settings", "settings", "{intervals: {fast: soon}}"),
        document("Nothing", "x", "{}"),
    ],
)
def test_what_the_compiler_refuses_an_editor_marks_too(text: str) -> None:
    assert faults(text) != []


def keys(shape: Shape) -> list[Key]:
    found: list[Key] = []
    for key in shape.keys:
        found.append(key)
        form = key.form.item if isinstance(key.form, ListOf) else key.form
        form = form.mapping if isinstance(form, ScalarOr) else form
        if isinstance(form, Shape):
            found.extend(keys(form))
    return found


def test_every_key_is_documented() -> None:
    text = (ROOT / "docs" / "slo-format.md").read_text("utf-8")
    missing = {key.name for shape in KINDS.values() for key in keys(shape) if key.name not in text}

    assert missing == set()
