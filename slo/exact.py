"""Numbers as people write them, exact until they are printed.

`99.9` in a file is 999/1000, never 0.9990000000000001. Everything that is computed
from it stays a `Fraction`; `promql()` prints the shortest decimal that is exact, or
twelve significant digits where no finite decimal exists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from typing import Final

_UNITS_MS: Final = {
    "y": 365 * 24 * 3_600_000,
    "w": 7 * 24 * 3_600_000,
    "d": 24 * 3_600_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_MOST_DIGITS: Final = 30
_EXACT: Final = Context(prec=400)
"""Holds what comes of numbers that may be written, before it is rounded to be printed."""
_LONGEST_MS: Final = (2**63 - 1) // 1_000_000
"""Prometheus keeps a duration in 64 bits of nanoseconds, about 292 years."""
_DURATION: Final = re.compile(
    r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?",
    re.ASCII,
)


@lru_cache(maxsize=4096)
def decimal(value: Fraction) -> str:
    """Print `value` as a plain decimal.

    Exact where a finite decimal exists with at most 12 digits after the point, else
    rounded half-even to 12 significant digits. Never scientific notation, never a
    trailing zero: `1/1000` is ``0.001`` and `14.4` is ``14.4``.
    """
    if value.denominator == 1:
        return str(value.numerator)
    quotient = _EXACT.divide(Decimal(value.numerator), Decimal(value.denominator))
    rounded = quotient.quantize(Decimal("1e-12"), context=_EXACT)
    if Fraction(rounded) != value:
        rounded = Decimal(f"{quotient:.12g}")
    whole, _, rest = f"{rounded:f}".partition(".")
    rest = rest.rstrip("0")
    return f"{whole}.{rest}" if rest else whole


@dataclass(frozen=True, slots=True, order=True)
class Ratio:
    """A share of a whole, 0 to 1 inclusive, exact."""

    value: Fraction

    def __post_init__(self) -> None:
        if not 0 <= self.value <= 1:
            msg = f"a ratio must be between 0 and 1, got {decimal(self.value)}"
            raise ValueError(msg)

    @classmethod
    def from_percent(cls, text: str) -> Ratio:
        """Read the scalar as written in the file: ``"99.9"`` is 999/1000.

        Raises:
            ValueError: `text` is not a plain decimal number, or is outside 0 to 100.
        """
        return cls(number(text) / 100)

    @property
    def budget(self) -> Ratio:
        """What is left to fail: 1 less the objective."""
        return _budget(self)

    def promql(self) -> str:
        """The literal that goes into an expression: ``0.001``."""
        return decimal(self.value)

    def percent(self) -> str:
        """The share in percent, without the sign: ``99.9``."""
        return decimal(self.value * 100)


@lru_cache(maxsize=1024)
def _budget(objective: Ratio) -> Ratio:
    return Ratio(1 - objective.value)


def number(text: str) -> Fraction:
    """Read a finite decimal number exactly.

    Raises:
        ValueError: `text` is not a finite decimal number, or one of more than 30 digits
            before or after the point: `9e999999999` would be written out in full.
    """
    try:
        # Decimal reads the digits of every script, and underscores.
        value = Decimal(text.strip() if text.isascii() and "_" not in text else "")
    except InvalidOperation:
        msg = f"not a number: {text!r}"
        raise ValueError(msg) from None
    if not value.is_finite():
        msg = f"not a finite number: {text!r}"
        raise ValueError(msg)
    exponent = value.as_tuple().exponent
    if value.adjusted() > _MOST_DIGITS or (isinstance(exponent, int) and exponent < -_MOST_DIGITS):
        msg = f"a number may have {_MOST_DIGITS} digits before and after the point, got {text!r}"
        raise ValueError(msg)
    return Fraction(value)


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time in whole milliseconds, as Prometheus writes it.

    Source: Prometheus, "Querying basics", time durations (units y w d h m s ms,
    largest first, each at most once; y = 365 d).
    """

    ms: int

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read ``30d``, ``4m45s``, ``1h30m``.

        Raises:
            ValueError: Not a Prometheus duration, zero, or longer than Prometheus can tell.
        """
        match = _DURATION.fullmatch(text.strip())
        if match is None or not any(match.groups()):
            msg = f"not a duration: {text!r}, write for example 5m, 1h30m or 30d"
            raise ValueError(msg)
        total = sum(
            int(digits) * scale
            for digits, scale in zip(match.groups(), _UNITS_MS.values(), strict=True)
            if digits
        )
        if total == 0:
            msg = f"a duration must be above zero, got {text!r}"
            raise ValueError(msg)
        if total > _LONGEST_MS:
            msg = f"a duration may be 292y at most, got {text!r}"
            raise ValueError(msg)
        return cls(total)

    @classmethod
    def seconds(cls, value: int) -> Duration:
        """`value` whole seconds, 0 or more."""
        return cls(value * 1_000)

    @property
    def total_seconds(self) -> Fraction:
        """The length in seconds, exact."""
        return Fraction(self.ms, 1_000)

    def promql(self) -> str:
        """The shortest spelling without weeks and years: ``4m45s``, ``30d``."""
        return _spelled(self.ms)


@lru_cache(maxsize=4096)
def _spelled(ms: int) -> str:
    if ms == 0:
        return "0s"
    rest, parts = ms, []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _UNITS_MS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
