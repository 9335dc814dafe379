"""Questions to a Prometheus, in bounded time and size, and its answers as values.

Anything that speaks Prometheus' query API may answer: Mimir, Thanos, VictoriaMetrics.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Final, TypeAlias, cast

MAX_POINTS: Final = 10_000
"""Points of one series in one answer; Prometheus refuses more than 11,000."""
_MIB: Final = 1024 * 1024
_SHOWN: Final = 300
_REFUSALS: Final = frozenset({400, 422})
Plain: TypeAlias = "str | int | float | bool | Sequence[Plain] | Mapping[str, Plain] | None"


class UnreachableError(RuntimeError):
    """The server gave no usable answer: not there, too slow, broken, or too much to read."""


class RefusedError(RuntimeError):
    """The server understood the question and refuses it; the words are its own."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer.

    Attributes:
        labels: The name included where there is one.
        points: Seconds since 1970, and the value as the server wrote it, which is exact.
    """

    labels: Mapping[str, str]
    points: Sequence[tuple[float, str]]

    @property
    def value(self) -> float:
        """The last value; NaN and infinities as floats have them."""
        return float(self.points[-1][1])


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A server that answers PromQL.

    Attributes:
        url: Its base address, ``http`` or ``https``; a path prefix is kept.
        timeout_seconds: Longest silence that is waited for, above 0.
        max_bytes: Longest answer that is read.
        headers: Sent with every question: who asks, for which tenant. Never printed.
    """

    url: str
    timeout_seconds: float = 30.0
    max_bytes: int = 256 * _MIB
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            msg = f"a Prometheus is asked by http or https, got {self.url!r}"
            raise ValueError(msg)

    def instant(self, expr: str, time: float | None = None) -> list[Series]:
        """The value of `expr` at `time`, or now; a range selector's samples as they are.

        Raises:
            UnreachableError: No usable answer.
            RefusedError: The server refuses the query.
        """
        asked = {"query": expr} if time is None else {"query": expr, "time": f"{time:.3f}"}
        return self.read(self._get("query", asked))

    def ranged(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        """The values of `expr` from `start` to `end` inclusive, every `step` seconds.

        At most `MAX_POINTS` steps.

        Raises:
            UnreachableError: No usable answer.
            RefusedError: The server refuses the query.
        """
        return self.read(self.ranged_raw(expr, start, end, step))

    def ranged_raw(self, expr: str, start: float, end: float, step: float) -> bytes:
        """As `ranged`, the answer as it came: for whoever reads millions of points.

        Raises:
            UnreachableError: No answer, or too much of it.
            RefusedError: The server refuses the query.
        """
        asked = {"query": expr}
        asked |= {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        return self._get("query_range", asked)

    def read(self, raw: bytes) -> list[Series]:
        """The series of an answer as it came.

        Raises:
            UnreachableError: It is none that a Prometheus gives.
        """
        return _series(self._data(raw))

    def _get(self, path: str, asked: Mapping[str, str]) -> bytes:
        body = urllib.parse.urlencode({**asked, "timeout": f"{self.timeout_seconds:.0f}s"})
        request = urllib.request.Request(  # noqa: S310 - http and https only, see __post_init__
            f"{self.url.rstrip('/')}/api/v1/{path}", body.encode(), dict(self.headers)
        )
        try:
            with _OPENER.open(request, timeout=self.timeout_seconds) as reply:
                raw = cast("bytes", reply.read(self.max_bytes + 1))
        except urllib.error.HTTPError as error:
            raise self._refusal(error) from error
        except (OSError, http.client.HTTPException) as error:
            msg = f"{self.url} does not answer: {_words(error)}"
            raise UnreachableError(msg) from error
        if len(raw) > self.max_bytes:
            msg = f"{self.url} answers with more than {self.max_bytes // _MIB} MiB"
            raise UnreachableError(msg)
        return raw

    def _refusal(self, error: urllib.error.HTTPError) -> RefusedError | UnreachableError:
        raw = error.read(_MIB)
        try:
            told = _mapping(cast("Plain", json.loads(raw))).get("error")
        except ValueError:
            told = None
        if error.code in _REFUSALS and isinstance(told, str):
            return RefusedError(told[:_SHOWN])
        words = told if isinstance(told, str) else error.reason
        return UnreachableError(f"{self.url} answers {error.code}: {words}"[:_SHOWN])

    def _data(self, raw: bytes) -> Plain:
        try:
            body = _mapping(cast("Plain", json.loads(raw)))
        except ValueError as error:
            msg = f"{self.url} does not answer as a Prometheus does: no JSON"
            raise UnreachableError(msg) from error
        if body.get("status") != "success":
            msg = f"{self.url} does not answer as a Prometheus does: no status success"
            raise UnreachableError(msg)
        return body.get("data")


def fetched(
    url: str,
    headers: Sequence[tuple[str, str]] = (),
    timeout_seconds: float = 30.0,
    max_bytes: int = 64 * _MIB,
) -> Plain:
    """The JSON that a server answers at `url`, ``http`` or ``https``; goes nowhere else.

    Raises:
        UnreachableError: No answer, another one, or more than `max_bytes`.
    """
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 - the caller looks
    shown = url.partition("?")[0]
    try:
        with _OPENER.open(request, timeout=timeout_seconds) as reply:
            raw = cast("bytes", reply.read(max_bytes + 1))
    except urllib.error.HTTPError as error:
        error.close()
        msg = f"{shown} answers {error.code}: {error.reason}"[:_SHOWN]
        raise UnreachableError(msg) from error
    except (OSError, http.client.HTTPException) as error:
        msg = f"{shown} does not answer: {_words(error)}"
        raise UnreachableError(msg) from error
    if len(raw) > max_bytes:
        msg = f"{shown} answers with more than {max_bytes // _MIB} MiB"
        raise UnreachableError(msg)
    try:
        return cast("Plain", json.loads(raw))
    except ValueError as error:
        msg = f"{shown} does not answer in JSON"
        raise UnreachableError(msg) from error


class _Stay(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: a credential is for the address that was given."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> None:
        """No request: the redirection is the answer."""
        del self, req, fp, code, msg, headers, newurl


_OPENER: Final = urllib.request.build_opener(_Stay())


def _words(error: OSError | http.client.HTTPException) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror.lower()
    return str(reason).lower() or type(reason).__name__


def _series(data: Plain) -> list[Series]:
    whole = _mapping(data)
    result = whole.get("result")
    if not isinstance(result, Sequence) or isinstance(result, str):
        return []
    if whole.get("resultType") in {"scalar", "string"}:
        return [Series({}, _points([result]))]
    return [_one(item) for item in result if isinstance(item, Mapping)]


def _one(item: Mapping[str, Plain]) -> Series:
    labels = {key: str(text) for key, text in _mapping(item.get("metric")).items()}
    values = item.get("values", [item.get("value")])
    return Series(labels, _points(values))


def _points(values: Plain) -> list[tuple[float, str]]:
    """The pairs as they came: what was asked for is exact, and there may be millions."""
    return cast("list[tuple[float, str]]", values)


def _mapping(value: Plain) -> Mapping[str, Plain]:
    return value if isinstance(value, Mapping) else {}
