"""Prometheus's HTTP API, as much of it as the proof needs."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from dashboards.notation import JsonValue
from dashboards.proving.reading import Node, mapping, nodes, word

_TIMEOUT_SECONDS = 60.0
Points = tuple[tuple[int, float], ...]


class AskError(RuntimeError):
    """Prometheus refused a query; the message is its own."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One series of an answer.

    Attributes:
        labels: All labels, the name included where there is one.
        points: Seconds and values, at least one.
    """

    labels: Mapping[str, str]
    points: Points


def instant(url: str, expr: str, time: int) -> list[Answer]:
    """The value of `expr` at `time`; a scalar is a series without labels.

    Raises:
        AskError: Prometheus refused the query.
    """
    return _answers(_get(f"{url}/api/v1/query", {"query": expr, "time": str(time)}))


def ranged(url: str, expr: str, start: int, end: int, step: int) -> list[Answer]:
    """The values of `expr` from `start` to `end`, every `step` seconds.

    Raises:
        AskError: Prometheus refused the query.
    """
    query = {"query": expr, "start": str(start), "end": str(end), "step": str(step)}
    return _answers(_get(f"{url}/api/v1/query_range", query))


def label_values(url: str, label: str, selector: str, time: int) -> list[str]:
    """The values that `label` has in series of `selector` within the day before `time`."""
    query = {"match[]": selector, "start": str(time - 86_400), "end": str(time)}
    data = _get(f"{url}/api/v1/label/{label}/values", query)
    return [value for value in data if isinstance(value, str)] if isinstance(data, list) else []


def _get(url: str, query: Mapping[str, str]) -> JsonValue:
    address = f"{url}?{urllib.parse.urlencode(query)}"
    try:
        # The address is our own server's on loopback.
        with urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as reply:  # noqa: S310
            body = cast("JsonValue", json.loads(reply.read()))
    except urllib.error.HTTPError as error:
        told = mapping(cast("JsonValue", json.loads(error.read() or b"{}")))
        msg = f"{word(told, 'error') or error}: {query.get('query', '')}"
        raise AskError(msg) from error
    return mapping(body).get("data")


def _answers(data: JsonValue) -> list[Answer]:
    result = mapping(data).get("result")
    if word(mapping(data), "resultType") == "scalar":
        return [Answer({}, _points([result]))]
    return [_answer(node) for node in nodes(result)]


def _answer(node: Node) -> Answer:
    labels = {key: str(value) for key, value in mapping(node.get("metric")).items()}
    values = node.get("values")
    points = values if isinstance(values, list) else [node.get("value")]
    return Answer(labels, _points(points))


def _points(raw: list[JsonValue]) -> Points:
    return tuple(
        (int(float(str(pair[0]))), float(str(pair[1])))
        for pair in raw
        if isinstance(pair, list) and len(pair) == 2
    )
