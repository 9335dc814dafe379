"""Circles in a graph of names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def cycles(edges: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Every circle that a depth-first walk closes, each starting at its smallest name.

    Names that have no entry lead nowhere.
    """
    found: dict[tuple[str, ...], None] = {}
    finished: set[str] = set()
    for start in sorted(edges):
        if start in finished:
            continue
        path = [start]
        stack = [(start, iter(edges.get(start, ())))]
        while stack:
            name, following = stack[-1]
            nxt = next(following, None)
            if nxt is None:
                stack.pop()
                path.pop()
                finished.add(name)
            elif nxt in path:
                found[_rotated(path[path.index(nxt) :])] = None
            elif nxt not in finished:
                path.append(nxt)
                stack.append((nxt, iter(edges.get(nxt, ()))))
    return list(found)


def _rotated(circle: list[str]) -> tuple[str, ...]:
    first = circle.index(min(circle))
    return tuple(circle[first:] + circle[:first])
