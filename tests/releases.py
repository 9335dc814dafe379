"""The releases to be had of each server: that of `make servers`, and the newer ones beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_RELEASE = re.compile(r"(\d+)\.(\d+)\..*")


@dataclass(frozen=True, slots=True)
class Release:
    """One release with its tools; `folder` is None for the one that is found as usual."""

    version: tuple[int, int]
    folder: Path | None = None

    def choose(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have `slo.servers` find this one and no other."""
        if self.folder is not None:
            monkeypatch.setenv("PATH", "")
            monkeypatch.setenv("FLEETSLO_SERVERS", str(self.folder))

    def __str__(self) -> str:
        return "usual" if self.folder is None else self.folder.name


def alertmanagers() -> list[Release]:
    """The usual one first, then the fetched ones by version."""
    return [Release((0, 25)), *_fetched("alertmanagers", "amtool")]


def prometheuses() -> list[Release]:
    """The usual one first, then the fetched ones by version."""
    return [Release((2, 42)), *_fetched("prometheuses", "promtool")]


def vmalerts() -> list[Release]:
    """Those that were fetched, by version."""
    return _fetched("victorias", "vmalert")


def _fetched(kind: str, tool: str) -> list[Release]:
    found = [
        Release((int(match[1]), int(match[2])), folder)
        for folder in (ROOT / ".servers" / kind).glob("*")
        if (match := _RELEASE.fullmatch(folder.name)) and (folder / "bin" / tool).exists()
    ]
    return sorted(found, key=lambda each: each.version)
