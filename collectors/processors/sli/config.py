"""What is counted: the `spans` indicators of SLO files, as `sloctl generate` writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from collectors.component import Config
from collectors.indicators import Key, SloConfig, SpansConfig
from collectors.net.fields import SECOND, Nanoseconds


class SliConfig(Config):
    """Configuration of the processor `sli`.

    Attributes:
        slos: By SLO id, the value of the label `slo_id`.
    """

    slos: Annotated[dict[Key, SloConfig], Field(min_length=1)]

    def counted(self) -> tuple[str, ...]:
        """The SLOs whose events are counted."""
        return tuple(self.slos)

    def indicators(self) -> Mapping[str, SpansConfig]:
        """See `HasIndicators`."""
        return {name: slo.spans for name, slo in self.slos.items()}

    def read_keys(self) -> Sequence[str]:
        """See `ReadsKeys`."""
        return [key for slo in self.slos.values() for key in slo.spans.read_keys()]


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
