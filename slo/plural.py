"""A number of things as people say it: `1 alert`, `2 alerts`."""

from __future__ import annotations


def plural(count: int, word: str) -> str:
    """``1 SLO``, ``2 SLOs``; for words that take an s."""
    return f"{count} {word}{'' if count == 1 else 's'}"
