"""What is counted: the `spans` indicators of SLO files, as `sloctl generate` writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from collectors.component import Config
from collectors.indicators import Key, SloConfig, SpansConfig
from collectors.indicators.config import Text
from collectors.net.fields import SECOND, Nanoseconds

_OURS: Final = frozenset({"slo_id", "outcome"})
"""Labels that every counter has."""

Value = Annotated[Text, Field(min_length=1, max_length=128)]
Label = Annotated[str, Field(pattern="^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=128)]


class DimensionConfig(Config):
    """What a label of the counters is made of.

    Attributes:
        attribute: A key of the span, else of its resource; empty for the label's own name.
        values: What is told at zero before the first such event.
    """

    attribute: Annotated[str, Field(max_length=256)] = ""
    values: Annotated[list[Value], Field(max_length=10_000)] = Field(default_factory=list[str])


class CountedConfig(SloConfig):
    """An indicator, and how its events are told apart.

    Attributes:
        by: By label; none for one pair of counters.
        limit: Label sets that are told. Events of further ones count as `__other__`.
    """

    by: Annotated[dict[Label, DimensionConfig], Field(max_length=4)] = Field(
        default_factory=dict[str, DimensionConfig]
    )
    limit: Annotated[int, Field(ge=1, le=100_000)] = 1_000

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        ours = sorted(_OURS & self.by.keys())
        if ours:
            msg = f"by: every counter has the label {ours[0]} already"
            raise ValueError(msg)
        declared = prod(len(set(of.values)) for of in self.by.values())
        if self.by and declared > self.limit:
            msg = f"values make {declared} label sets, more than the limit of {self.limit}"
            raise ValueError(msg)
        return self

    def read_keys(self) -> list[str]:
        """Attribute keys that are read to count it."""
        own = [of.attribute or label for label, of in self.by.items()]
        return [*self.spans.read_keys(), *own]


class SliConfig(Config):
    """Configuration of the processor `sli`.

    Attributes:
        slos: By SLO id, the value of the label `slo_id`.
    """

    slos: Annotated[dict[Key, CountedConfig], Field(min_length=1)]

    def counted(self) -> tuple[str, ...]:
        """The SLOs whose events are counted."""
        return tuple(self.slos)

    def indicators(self) -> Mapping[str, SpansConfig]:
        """See `HasIndicators`."""
        return {name: slo.spans for name, slo in self.slos.items()}

    def read_keys(self) -> Sequence[str]:
        """See `ReadsKeys`."""
        return [key for slo in self.slos.values() for key in slo.read_keys()]


class SliConnectorConfig(SliConfig):
    """Configuration of the connector `sli`.

    Attributes:
        metrics_flush_interval: How often the counters are put out, > 0.
    """

    metrics_flush_interval: Nanoseconds = 15 * SECOND

    @model_validator(mode="after")
    def _flushes(self) -> Self:
        if not self.metrics_flush_interval:
            msg = "metrics_flush_interval must be above 0"
            raise ValueError(msg)
        return self
