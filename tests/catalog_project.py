"""The shipped SLOs, alerts and teams as a resolved project."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import alerts.operational
import slo.catalog
from slo.model import Project
from slo.spec import SourceFile, read

FOLDERS = [Path(str(package.__file__)).parent for package in (slo.catalog, alerts.operational)]


@cache
def catalog_project() -> Project:
    files = [
        SourceFile(path.name, path.read_text("utf-8"), named=False)
        for folder in FOLDERS
        for path in sorted(folder.rglob("*.yaml"))
        if path.name != "metrics.yaml"
    ]
    found, problems = read(files)
    assert problems == []
    assert found is not None
    return found
