"""The option `--config`, and what stands behind it: the files given, or the built-in one."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

import click

from collectors.config import load as loading
from collectors.config.model import Loaded
from collectors.config.registry import Registry
from collectors.config.tree import Surroundings
from collectors.extensions.file_storage import STATE_VARIABLE, state_directory
from slo.cli.report import tell
from slo.cli.state import PROBLEMS
from slo.diagnostic import has_errors
from slo.plural import plural

BUILT_IN: Final = "default.yaml"

config_option = click.option(
    "--config",
    "paths",
    type=click.Path(path_type=Path),
    multiple=True,
    help="YAML of the OpenTelemetry Collector; several are merged, later ones win.",
)


def read(paths: Sequence[Path]) -> Loaded:
    """The configuration of `paths`, or the built-in one; exits with 1 on any error."""
    texts, problems = loading.read(paths) if paths else ([_built_in()], [])
    loaded = None
    if not problems:
        loaded, problems = loading.load(texts, _surroundings(), Registry.installed())
    tell(problems, {text.name: text.text for text in texts})
    if loaded is None or has_errors(problems):
        sys.exit(PROBLEMS)
    return loaded


def read_again(paths: Sequence[Path]) -> Loaded | str:
    """The configuration as it is now, or in one line what is wrong with it."""
    try:
        texts, problems = loading.read(paths) if paths else ([_built_in()], [])
        loaded = None
        if not problems:
            loaded, problems = loading.load(texts, _surroundings(), Registry.installed())
    except Exception as error:  # noqa: BLE001 - whatever it is, the daemon goes on as it was
        return f"the configuration cannot be read: {error!r}"
    if loaded is not None and not has_errors(problems):
        return loaded
    first = next(problem for problem in problems if has_errors([problem]))
    place = f"{first.place.file}:{first.place.line}:{first.place.column}: " if first.place else ""
    errors = plural(sum(has_errors([problem]) for problem in problems), "error")
    return f"the configuration has {errors}: {place}{first.text}"


def _built_in() -> loading.Text:
    text = files("collectors.config").joinpath(BUILT_IN).read_text(encoding="utf-8")
    return loading.Text(BUILT_IN, text)


def _surroundings() -> Surroundings:
    around = loading.here()
    environment = {**os.environ, STATE_VARIABLE: str(state_directory())}
    return Surroundings(environment, around.read)
