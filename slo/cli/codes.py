"""The page of every code: what is wrong, an example that fails, one that passes."""

from __future__ import annotations

from slo.cli.plugins import page_folders
from slo.policy import CODES


def page(code: str) -> str | None:
    """The page of `code` as Markdown; None where there is none."""
    for folder in page_folders():
        file = folder.joinpath(f"{code}.md")
        if file.is_file():
            return file.read_text(encoding="utf-8")
    words = CODES.get(code)
    if words is None:
        return None
    title, _, text = words.partition("\n\n")
    return f"# {code}: {title}\n\n{text}\n"


def known_codes() -> tuple[str, ...]:
    """Every code that has a page, sorted."""
    found = {
        file.name.removesuffix(".md")
        for folder in page_folders()
        for file in folder.iterdir()
        if file.name.endswith(".md") and file.name[:3].isupper()
    }
    return tuple(sorted(found | set(CODES)))
