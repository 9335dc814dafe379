"""Answers to range queries as columns: the short way reads what the long way reads."""

from __future__ import annotations

import json
import math

import pytest

from slo.ask import Prometheus, UnreachableError
from slo.replay.answers import Column, columns, joined, laid_out

HEAD = '{"status":"success","data":{"resultType":"matrix","result":['
ODD = 'x,"values":[["]}'


def written(*series: tuple[dict[str, str], list[tuple[float, str]]]) -> bytes:
    """As Prometheus writes it: no blanks, values as text."""
    made = [{"metric": labels, "values": points} for labels, points in series]
    return (HEAD + json.dumps(made, separators=(",", ":"))[1:] + "}}").encode()


def values_of(found: list[Column]) -> list[list[str]]:
    return [[float(value).hex() for value in one.values] for one in found]


def test_values_are_the_same_to_the_last_bit() -> None:
    texts = ["0.1", "+Inf", "-Inf", "NaN", "-0", "4.9406564584124654e-324", "1e+300", "7"]
    points = [(1.5 + number, text) for number, text in enumerate(texts)]

    found = laid_out(written(({"b": "2", "a": ODD}, points), ({}, points[:1])))

    assert found is not None
    assert [one.labels for one in found] == [(("a", ODD), ("b", "2")), ()]
    assert values_of(found)[0] == [float(text).hex() for text in texts]
    assert found[0].times.tolist() == [time for time, _ in points]


def test_an_answer_without_series_has_none() -> None:
    assert laid_out((HEAD + "]}}").encode()) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        (HEAD + '{"metric":{},"values":[[1,"2"]],"histograms":[]}]}}').encode(),
        (HEAD + '{"metric":{},"values":[[1,"2"],[3]]}]}}').encode(),
        (HEAD + '{"metric":{},"values":[[1,"two"]]}]}}').encode(),
        written(({}, [(1, "2")]))[:-4],
        written(({}, [(1, "2")])).replace(b",", b", "),
    ],
)
def test_what_is_laid_out_otherwise_is_left_to_the_long_way(raw: bytes) -> None:
    assert laid_out(raw) is None


class Told(Prometheus):
    """A server that says what it is told to."""

    def ranged_raw(self, expr: str, start: float, end: float, step: float) -> bytes:
        del start, end, step
        return expr.encode()


def test_the_long_way_reads_the_same() -> None:
    points = [(1.0, "0.1"), (2.0, "NaN")]
    raw = written(({"a": "b"}, points)).decode()
    server = Told("http://127.0.0.1:9")

    (one,) = columns(server, raw.replace(",", " , "), 1, 2, 1)

    assert one.labels == (("a", "b"),)
    assert one.values[0] == 0.1
    assert math.isnan(one.values[1])


def test_what_is_no_answer_is_said_to_be_none() -> None:
    with pytest.raises(UnreachableError, match="no status success"):
        columns(Told("http://127.0.0.1:9"), "{}", 1, 2, 1)


def test_pieces_follow_each_other() -> None:
    first, second = (laid_out(written(({}, [(time, "3")]))) or [] for time in (1, 2))

    assert joined([*first, *second]).times.tolist() == [1, 2]
