"""Every link between the pages of the runbooks: it resolves, and every page is reached."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_LINK: Final = re.compile(r"\]\(([^)\s#]+\.md)(?:#[^)]*)?\)")
_ELSEWHERE: Final = re.compile(r"[a-z][a-z0-9+.-]*:|/")
_INDEX: Final = "index.md"


def between_pages(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The one kind of link with the broken ones, in words; nothing without pages."""
    pages = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*.md"))}
    if pages:
        yield "every page of the runbooks is reached from their index", sorted(_broken(pages))


def _broken(pages: dict[str, Path]) -> Iterator[str]:
    leads = {name: set(_targets(name, path)) for name, path in pages.items()}
    for name, targets in leads.items():
        for target in targets - pages.keys():
            yield f"runbooks/{name} links to {target}, which does not exist"
    for name in pages.keys() - leads.get(_INDEX, set()) - {_INDEX}:
        yield f"runbooks/{name} is not in the index"


def _targets(name: str, path: Path) -> Iterator[str]:
    here = Path(name).parent
    for link in _LINK.findall(path.read_text("utf-8")):
        if not _ELSEWHERE.match(link):
            parts: list[str] = []
            for part in (here / link).parts:
                if part == ".." and parts:
                    parts.pop()
                else:
                    parts.append(part)
            yield "/".join(parts)
