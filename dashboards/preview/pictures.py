"""Pictures of the previews of a project, light and dark, for those who judge by looking.

``python -m dashboards.preview.pictures TREE FOLDER`` draws every view of TREE, the output of
`sloctl generate`, at two moments of the story, and has a headless Chromium photograph it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click

from dashboards.preview.command import story_pages
from dashboards.proof import boards_below
from dashboards.proving.replay import ReplayError
from slo.servers import MissingToolError, ServerError

PHASES: Final = ("healthy", "fast-burn")
THEMES: Final = {"dark": 0, "light": 1}
"""Chromium's number for the colour scheme that a reader prefers."""
_WIDTH_PX: Final = 1440
_SECONDS: Final = 120
_HEIGHT: Final = re.compile(r'data-height="(\d+)"')


class PictureError(RuntimeError):
    """A page could not be drawn or photographed; the message says why."""


def browser() -> str | None:
    """The headless browser on PATH, if there is one."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser"))
    return next((path for path in found if path), None)


def pictures(tree: Path, folder: Path) -> Iterator[Path]:
    """Draw and photograph each view of `tree` into `folder`, the page beside its pictures.

    Raises:
        PictureError: There is no browser, or it fails.
        MissingToolError: Prometheus or promtool is not to be had.
        ReplayError: The story cannot be told.
        ServerError: Prometheus did not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    boards = boards_below(tree)
    wanted = [(phase, name) for phase in PHASES for name in boards]
    drawn = story_pages(tree, [(phase, [boards[name]]) for phase, name in wanted])
    for (phase, name), (_, text) in zip(wanted, drawn, strict=True):
        page = folder / f"{name}-{phase}.html"
        page.write_text(text, encoding="utf-8")
        for theme in THEMES:
            yield photograph(page, folder / f"{name}-{phase}-{theme}.png", theme)


def photograph(page: Path, out: Path, theme: str) -> Path:
    """Take a picture of all of `page` as a reader who prefers `theme` sees it.

    Raises:
        PictureError: There is no browser, or it fails.
    """
    program = browser()
    if program is None:
        msg = "chromium is not on PATH: install Debian's package chromium"
        raise PictureError(msg)
    found = _HEIGHT.search(page.read_text(encoding="utf-8"))
    height = int(found.group(1)) if found else _WIDTH_PX
    with tempfile.TemporaryDirectory(prefix="fleetslo-browser-") as profile:
        command = [
            *(program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            f"--user-data-dir={profile}",
            f"--blink-settings=preferredColorScheme={THEMES[theme]}",
            f"--window-size={_WIDTH_PX},{height}",
            f"--screenshot={out.resolve()}",
            page.resolve().as_uri(),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    if done.returncode != 0 or not out.is_file():
        msg = f"chromium took no picture of {page}: {done.stderr.strip()[-500:]}"
        raise PictureError(msg)
    return out


def main(arguments: Sequence[str]) -> int:
    """Say which pictures there are."""
    if len(arguments) != 2:
        click.echo("usage: python -m dashboards.preview.pictures TREE FOLDER", err=True)
        return 2
    try:
        for picture in pictures(Path(arguments[0]), Path(arguments[1])):
            click.echo(picture)
    except (PictureError, MissingToolError, ReplayError, ServerError) as error:
        click.echo(error, err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
