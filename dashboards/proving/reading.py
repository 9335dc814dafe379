"""A dashboard read back from its file: what Grafana will see, not what we meant to write."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from dashboards.notation import JsonValue

Node = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel or one annotation.

    Attributes:
        expr: PromQL; empty for other stores.
        instant: One value at the end of the range.
        interval: Shortest step that the query itself asks for; empty for none.
    """

    ref: str
    expr: str
    instant: bool
    interval: str
    node: Node


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel, its header's title where it stands in one."""

    identity: int
    kind: str
    title: str
    section: str
    collapsed_in: int | None
    targets: tuple[Target, ...]
    node: Node

    @property
    def place(self) -> tuple[int, int, int, int]:
        """Columns x to x + w, lines y to y + h: x, y, w, h."""
        grid = mapping(self.node.get("gridPos"))
        return (number(grid, "x"), number(grid, "y"), number(grid, "w"), number(grid, "h"))

    @property
    def defaults(self) -> Node:
        """`fieldConfig.defaults`."""
        return mapping(mapping(self.node.get("fieldConfig")).get("defaults"))


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard as its file has it."""

    node: Node
    panels: tuple[Panel, ...]

    @property
    def uid(self) -> str:
        """Its uid."""
        return word(self.node, "uid")

    def variables(self) -> tuple[Node, ...]:
        """The variables, in order."""
        return nodes(mapping(self.node.get("templating")).get("list"))

    def annotations(self) -> tuple[Node, ...]:
        """The annotation queries, Grafana's own included."""
        return nodes(mapping(self.node.get("annotations")).get("list"))


def read(text: str) -> Dashboard:
    """Read a dashboard's file."""
    node = mapping(cast("JsonValue", json.loads(text)))
    return Dashboard(node, tuple(_panels(node)))


def mapping(value: JsonValue) -> Node:
    """`value` as an object; empty where it is none."""
    return value if isinstance(value, Mapping) else {}


def nodes(value: JsonValue) -> tuple[Node, ...]:
    """The objects of a list."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return ()
    return tuple(item for item in value if isinstance(item, Mapping))


def word(node: Node, key: str) -> str:
    """The text at `key`; empty where there is none."""
    value = node.get(key)
    return value if isinstance(value, str) else ""


def number(node: Node, key: str) -> int:
    """The whole number at `key`; -1 where there is none."""
    value = node.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _panels(board: Node) -> Iterator[Panel]:
    section = ""
    for node in nodes(board.get("panels")):
        if word(node, "type") == "row":
            section = word(node, "title")
            yield _panel(node, section, None)
            row = number(node, "id")
            yield from (_panel(inner, section, row) for inner in nodes(node.get("panels")))
        else:
            yield _panel(node, section, None)


def _panel(node: Node, section: str, row: int | None) -> Panel:
    return Panel(
        identity=number(node, "id"),
        kind=word(node, "type"),
        title=word(node, "title"),
        section=section,
        collapsed_in=row,
        targets=tuple(_target(target) for target in nodes(node.get("targets"))),
        node=node,
    )


def _target(node: Node) -> Target:
    source = mapping(node.get("datasource"))
    is_prometheus = word(source, "type") == "prometheus"
    return Target(
        ref=word(node, "refId"),
        expr=word(node, "expr") if is_prometheus else "",
        instant=node.get("instant") is True,
        interval=word(node, "interval"),
        node=node,
    )
