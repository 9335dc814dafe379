"""`sloctl schema`: the formats as JSON Schema, for editors."""

from __future__ import annotations

import json

import click

from slo.cli.state import FINE
from slo.spec.schema import json_schema


@click.command("schema")
def schema() -> int:
    """Print the JSON Schema of every kind of document.

    In an editor with YAML support, start a file with
    `# yaml-language-server: $schema=fleetslo.schema.json`.
    """
    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return FINE


COMMAND = schema
