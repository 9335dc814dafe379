"""The page of every code: what is wrong, an example that fails, one that passes."""

from __future__ import annotations

from slo.cli.plugins import code_tables, page_folder


def page(code: str) -> str | None:
    """The page of `code` as Markdown; None where there is none."""
    file = page_folder().joinpath(f"{code}.md")
    if file.is_file():
        return file.read_text(encoding="utf-8")
    for table in code_tables():
        if code in table:
            title, _, text = table[code].partition("\n\n")
            return f"# {code}: {title.rstrip('.')}\n\n{text}".rstrip() + "\n"
    return None


def known_codes() -> tuple[str, ...]:
    """Every code that can be explained, sorted."""
    pages = (file.name for file in page_folder().iterdir() if file.name.endswith(".md"))
    found = {name.removesuffix(".md") for name in pages}
    return tuple(sorted(found.union(*code_tables())))
