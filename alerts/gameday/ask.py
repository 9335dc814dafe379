"""Questions to Prometheus and Alertmanager, and the answers as values."""

from __future__ import annotations

import math
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

_TIMEOUT_SECONDS: Final = 5.0


class UnansweredError(RuntimeError):
    """Prometheus or Alertmanager did not answer as they should."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of an instant query's answer."""

    labels: dict[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Held:
    """An alert that Alertmanager holds, and whom it would tell."""

    labels: dict[str, str]
    receivers: tuple[str, ...]
    suppressed: bool


class _Series(BaseModel):
    metric: dict[str, str]
    value: tuple[float, str]


class _Vector(BaseModel):
    result: list[_Series]


class _QueryAnswer(BaseModel):
    data: _Vector


class _Rule(BaseModel):
    name: str
    duration: float = 0.0


class _Group(BaseModel):
    rules: list[_Rule]


class _Groups(BaseModel):
    groups: list[_Group]


class _RulesAnswer(BaseModel):
    data: _Groups


class _Yaml(BaseModel):
    yaml: str


class _ConfigAnswer(BaseModel):
    data: _Yaml


class _Named(BaseModel):
    name: str


class _Status(BaseModel):
    state: str


class _Alert(BaseModel):
    labels: dict[str, str]
    receivers: list[_Named]
    status: _Status


_Answer = TypeVar("_Answer")


def query(prometheus: str, expr: str) -> list[Sample]:
    """What the instant query `expr` answers, one sample for each series.

    Raises:
        UnansweredError: No answer, or a refusal.
    """
    asked = urllib.parse.urlencode({"query": expr})
    answer = _get(f"{prometheus}/api/v1/query?{asked}", TypeAdapter(_QueryAnswer))
    return [Sample(each.metric, float(each.value[1])) for each in answer.data.result]


def number(prometheus: str, expr: str) -> float | None:
    """The first value of an instant query; None when there is none, or no number.

    Raises:
        UnansweredError: As `query`.
    """
    found = query(prometheus, expr)
    return found[0].value if found and math.isfinite(found[0].value) else None


def holds(prometheus: str) -> dict[str, list[float]]:
    """The `for` of the alerting rules of each name, in seconds.

    Raises:
        UnansweredError: As `query`.
    """
    answer = _get(f"{prometheus}/api/v1/rules?type=alert", TypeAdapter(_RulesAnswer))
    found: dict[str, list[float]] = {}
    for group in answer.data.groups:
        for rule in group.rules:
            found.setdefault(rule.name, []).append(rule.duration)
    return found


def configuration(prometheus: str) -> str:
    """Prometheus' configuration, as YAML with its defaults.

    Raises:
        UnansweredError: As `query`.
    """
    return _get(f"{prometheus}/api/v1/status/config", TypeAdapter(_ConfigAnswer)).data.yaml


def held(alertmanager: str) -> list[Held]:
    """What Alertmanager holds.

    Raises:
        UnansweredError: As `query`.
    """
    answer = _get(f"{alertmanager}/api/v2/alerts", TypeAdapter(list[_Alert]))
    return [
        Held(
            each.labels,
            tuple(receiver.name for receiver in each.receivers),
            each.status.state == "suppressed",
        )
        for each in answer
    ]


def _get(url: str, form: TypeAdapter[_Answer]) -> _Answer:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - http
            return form.validate_json(answer.read())
    except (urllib.error.URLError, OSError, ValidationError) as error:
        msg = f"no answer from {url.partition('?')[0]}: {error}"
        raise UnansweredError(msg) from error
