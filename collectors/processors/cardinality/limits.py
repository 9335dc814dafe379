"""Which limits hold for a metric and for an attribute of it."""

from __future__ import annotations

from dataclasses import dataclass

from collectors.processors.cardinality.config import CardinalityConfig, MetricLimits

_NONE = MetricLimits.model_construct()


@dataclass(frozen=True, slots=True)
class Scope:
    """Where values of an attribute are counted together.

    Attributes:
        metric: In this metric; in all of them if empty.
        key: The attribute.
    """

    metric: str
    key: str


class Limits:
    """The limits that a configuration sets."""

    def __init__(self, config: CardinalityConfig) -> None:
        self._config = config
        self._protected = frozenset(config.protect)

    def series(self, metric: str) -> int:
        """Most series of a metric."""
        return self._of(metric).max_series or self._config.max_series

    def scope(self, metric: str, key: str) -> Scope | None:
        """Where the values of an attribute of a metric are counted; None where they are not."""
        if key in self._protected:
            return None
        own = self._of(metric)
        if key in own.attributes:
            return Scope(metric, key)
        if key in self._config.attributes:
            return Scope("", key)
        if own.max_values:
            return Scope(metric, key)
        return Scope("", key) if self._config.max_values else None

    def values(self, scope: Scope) -> int:
        """Most values that are counted there."""
        of = self._of(scope.metric) if scope.metric else self._config
        limit = of.attributes.get(scope.key) or of.max_values
        return limit or 0

    def drops(self, metric: str) -> bool:
        """Whether a value too many costs a series of this metric the attribute alone."""
        return (self._of(metric).action or self._config.action) == "drop_attribute"

    def _of(self, metric: str) -> MetricLimits:
        return self._config.metrics.get(metric, _NONE)
