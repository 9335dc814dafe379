"""A directory of documents for `sloctl`, and what is in one."""

from __future__ import annotations

from pathlib import Path

from tests.front_end import TEAM, alert_text, slo_text

ROOT = Path(__file__).resolve().parents[1]
GOOD = f"{slo_text()}---\n{alert_text()}---\n{TEAM}"


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
