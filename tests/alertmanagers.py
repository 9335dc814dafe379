"""The Alertmanagers to be had: that of `make servers`, and those of `make alertmanagers`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Release:
    """One Alertmanager, with its amtool; `folder` is None for the one that is found as usual."""

    version: tuple[int, int]
    folder: Path | None = None

    def choose(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have `slo.servers` find this one and no other."""
        if self.folder is not None:
            monkeypatch.setenv("PATH", "")
            monkeypatch.setenv("FLEETSLO_SERVERS", str(self.folder))

    def __str__(self) -> str:
        return "usual" if self.folder is None else self.folder.name


def releases() -> list[Release]:
    """The usual one first; then the fetched ones by version."""
    found = [
        Release((int(match[1]), int(match[2])), folder)
        for folder in (ROOT / ".servers" / "alertmanagers").glob("*")
        if (match := re.fullmatch(r"(\d+)\.(\d+)\..*", folder.name))
        and (folder / "bin" / "amtool").exists()
    ]
    return [Release((0, 25)), *sorted(found, key=lambda each: each.version)]
