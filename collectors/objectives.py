"""What the policies `slo` of a user's samplers are told of the SLOs: as their files say it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import yaml

from slo.source import edit

MOST_OBJECTIVES: Final = 21
"""A sampler has 64 bits for a span, and each SLO takes three of them."""

_SAMPLER: Final = "tail_sampling"
_POLICY: Final = "slo"
_MERGE: Final = "<<"
_STR: Final = "tag:yaml.org,2002:str"
_MAP: Final = "tag:yaml.org,2002:map"


def fill(root: yaml.MappingNode, objectives: Mapping[str, str]) -> None:
    """Define in `root` the SLOs of every policy: those that it names, or all.

    Args:
        root: A configuration, of which nothing else is changed.
        objectives: Objective and spans of each SLO, in YAML, by id.
    """
    for _, _, body in _policies(root):
        named = _named(body)
        slos = yaml.MappingNode(_MAP, [], flow_style=False)
        for name in named or objectives:
            said = named.get(name)
            made = _defined(said, objectives[name]) if name in objectives else said
            slos.value.append((yaml.ScalarNode(_STR, name), made))
        edit.assign(body, "slos", slos)
        body.flow_style = False


def unfillable(root: yaml.MappingNode, objectives: Mapping[str, str]) -> Iterator[str]:
    """Policies of which nobody can say what they are to watch."""
    for sampler, policy, body in _policies(root):
        who, named = f"the policy {policy} of {sampler}", _named(body)
        unknown = [name for name, said in named.items() if _is_empty(said)]
        for name in sorted(set(unknown) - objectives.keys()):
            yield f"{who} names {name}, and no SLO file states it on spans"
        if not named and not objectives:
            yield f"{who} has no SLO to watch, for no SLO file states one on spans"
        if not named and len(objectives) > MOST_OBJECTIVES:
            yield (
                f"{who} would watch {len(objectives)} SLOs, and it can watch {MOST_OBJECTIVES}: "
                "name under its slos those that matter"
            )


def contradicted(root: yaml.MappingNode, objectives: Mapping[str, str]) -> Iterator[str]:
    """What policies say of SLOs otherwise than the files of these, which is replaced."""
    for sampler, policy, body in _policies(root):
        for name, said in _named(body).items():
            if name not in objectives or not isinstance(said, yaml.MappingNode):
                continue
            ours = edit.Edit.parse(name, objectives[name]).root
            for key, value in said.value:
                own = edit.get(ours, str(key.value))
                if own is not None and not edit.same(value, own):
                    yield (
                        f"the policy {policy} of {sampler} says {key.value} of {name} otherwise "
                        "than the SLO file, which counts"
                    )


def _defined(said: yaml.Node | None, objective: str) -> yaml.Node:
    """An SLO as its file defines it, with what else a policy says of it."""
    ours = edit.Edit.parse(_POLICY, objective).root
    if isinstance(said, yaml.MappingNode):
        ours.value += [pair for pair in said.value if edit.get(ours, str(pair[0].value)) is None]
    return ours


def _policies(root: yaml.MappingNode) -> Iterator[tuple[str, str, yaml.MappingNode]]:
    """The policies `slo` of all samplers, those inside others and shadows too, each once.

    One whose SLOs come by way of something else, a merge key or a variable, is left alone.
    """
    processors = edit.get(root, "processors")
    seen: set[int] = set()
    for key, value in processors.value if isinstance(processors, yaml.MappingNode) else ():
        if str(key.value).partition("/")[0] != _SAMPLER:
            continue
        for node in _within(value):
            body = edit.get(node, _POLICY)
            if edit.word(node, "type") != _POLICY or not isinstance(body, yaml.MappingNode):
                continue
            if id(body) not in seen and _is_plain(body):
                seen.add(id(body))
                yield str(key.value), edit.word(node, "name"), body


def _within(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from _within(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _within(value)


def _is_plain(body: yaml.MappingNode) -> bool:
    slos = edit.get(body, "slos")
    is_here = slos is None or isinstance(slos, yaml.MappingNode) or _is_empty(slos)
    return is_here and edit.get(body, _MERGE) is None and edit.get(slos, _MERGE) is None


def _named(body: yaml.MappingNode) -> dict[str, yaml.Node]:
    """The SLOs that a policy names, and what it says of each."""
    slos = edit.get(body, "slos")
    pairs = slos.value if isinstance(slos, yaml.MappingNode) else []
    return {str(key.value): value for key, value in pairs}


def _is_empty(node: yaml.Node) -> bool:
    if isinstance(node, yaml.MappingNode):
        return not node.value
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith("null")
