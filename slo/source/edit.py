"""A YAML document of the user's, changed only where we are asked to.

Scalars keep the spelling of the file (`1.10`, `yes`, `0755`), lists and mappings their
order and their style. Comments are not part of YAML's tree, and are lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import yaml

from slo.source.load import load

_STR: Final = "tag:yaml.org,2002:str"
_SEQ: Final = "tag:yaml.org,2002:seq"
_MAP: Final = "tag:yaml.org,2002:map"
_WIDE: Final = 10_000


class _Loader(yaml.SafeLoader):
    """Lets an anchor be said again: an alias means the last one before it.

    Source: YAML 1.2.2, section 7.1, "Alias Nodes": "anchors need not be unique".
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML leaves it untyped
        if not isinstance(event, yaml.AliasEvent):
            self.anchors.pop(getattr(event, "anchor", None), None)
        return super().compose_node(parent, index)


class Edit:
    """One document with a mapping at its root."""

    def __init__(self, root: yaml.MappingNode) -> None:
        self.root = root

    @classmethod
    def parse(cls, name: str, text: str) -> Edit:
        """Read `text`, called `name` in messages; an empty one is an empty mapping.

        Raises:
            ValueError: It is not one YAML document with a mapping at its root.
        """
        _, problems = load(name, text)
        if problems:
            first = problems[0]
            where = f" in line {first.place.line}" if first.place else ""
            msg = f"{first.text}{where}"
            raise ValueError(msg)
        try:
            node = yaml.compose(text, Loader=_Loader)
        except yaml.YAMLError as error:
            msg = f"not one YAML document: {' '.join(str(error).split())}"
            raise ValueError(msg) from error
        if node is None:
            node = yaml.MappingNode(_MAP, [], flow_style=False)
        if not isinstance(node, yaml.MappingNode):
            msg = "a configuration is a mapping, got something else"
            raise ValueError(msg)  # noqa: TRY004 - one kind of error for all wrong files
        return cls(node)

    def text(self) -> str:
        """The document, without comments; the same bytes for the same tree."""
        return yaml.serialize(
            self.root, Dumper=yaml.SafeDumper, allow_unicode=True, width=_WIDE, line_break="\n"
        )


def get(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """What `node` holds under `key`; None where it is no mapping, or has no such key."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def word(node: yaml.Node | None, key: str) -> str:
    """The scalar under `key` as it is written; empty where there is none."""
    found = get(node, key)
    return str(found.value) if isinstance(found, yaml.ScalarNode) else ""


def items(node: yaml.Node | None, key: str) -> list[yaml.Node]:
    """The list under `key`; empty where there is none.

    Raises:
        ValueError: Something that is no list stands there.
    """
    found = get(node, key)
    if found is None or (isinstance(found, yaml.ScalarNode) and found.tag.endswith("null")):
        return []
    if not isinstance(found, yaml.SequenceNode):
        msg = f"{key} must be a list"
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for all wrong files
    return list(found.value)


def put(node: yaml.MappingNode, key: str, values: list[yaml.Node]) -> None:
    """Make the list under `key` be `values`; without any the key goes too."""
    at = next((place for place, pair in enumerate(node.value) if pair[0].value == key), None)
    if not values:
        if at is not None:
            del node.value[at]
        return
    new = yaml.SequenceNode(_SEQ, values, flow_style=False)
    if at is None:
        node.value.append((yaml.ScalarNode(_STR, key), new))
    else:
        node.value[at] = (node.value[at][0], new)
    node.flow_style = False


def assign(node: yaml.MappingNode, key: str, value: yaml.Node) -> None:
    """Let `value` stand under `key`, in the place of what stood there."""
    for place, (name, _) in enumerate(node.value):
        if name.value == key:
            node.value[place] = (name, value)
            return
    node.value.append((yaml.ScalarNode(_STR, key), value))


def same(one: yaml.Node, other: yaml.Node) -> bool:
    """Whether both say the same, however they are written; mappings in any order."""
    if isinstance(one, yaml.MappingNode) and isinstance(other, yaml.MappingNode):
        pairs = {str(key.value): value for key, value in other.value}
        mine = {str(key.value): value for key, value in one.value}
        return mine.keys() == pairs.keys() and all(same(mine[key], pairs[key]) for key in mine)
    if isinstance(one, yaml.SequenceNode) and isinstance(other, yaml.SequenceNode):
        return len(one.value) == len(other.value) and all(map(same, one.value, other.value))
    if isinstance(one, yaml.ScalarNode) and isinstance(other, yaml.ScalarNode):
        return bool(one.value == other.value)
    return False


def replaced(
    kept: list[yaml.Node], ours: list[yaml.Node], is_ours: Callable[[yaml.Node], bool]
) -> list[yaml.Node]:
    """`kept` without what was ours before, then `ours`."""
    return [*(node for node in kept if not is_ours(node)), *ours]
