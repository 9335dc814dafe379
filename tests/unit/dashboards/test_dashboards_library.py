"""The lock of Grafana's own library, as far as it can be held without npm."""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "grafana_data"


def test_every_package_is_locked_by_its_hash_and_none_by_its_host() -> None:
    packages = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    installed = {name: package for name, package in packages.items() if name}

    assert len(installed) > 100
    assert all("integrity" in package for package in installed.values())
    assert not any("resolved" in package for package in installed.values())


def test_what_is_asked_for_is_pinned_to_one_version() -> None:
    wanted = json.loads((FOLDER / "package.json").read_text())["dependencies"]
    packages = json.loads((FOLDER / "package-lock.json").read_text())["packages"]

    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted
