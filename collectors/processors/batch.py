"""`batch`: says how requests are merged on their way out; in the pipeline all passes through.

What waits for a batch to fill is on disk already, so nothing is held in memory here: the
daemon reads `BatchConfig` and has the exporters behind it gather accordingly.
"""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from collectors.component import Config, ProcessorFactory, Settings, Signal
from collectors.net.fields import Count, Nanoseconds
from collectors.stateless import Stateless


class BatchConfig(Config):
    """Configuration of `batch`.

    Attributes:
        timeout: Longest wait for a batch to fill.
        send_batch_size: Items for which a batch waits no longer.
        send_batch_max_size: Most items of a batch, 0 for the exporter's own limit.
    """

    timeout: Nanoseconds = 200_000_000
    send_batch_size: Count = 8192
    send_batch_max_size: Count = 0

    @model_validator(mode="after")
    def _max_is_not_below_size(self) -> Self:
        if 0 < self.send_batch_max_size < self.send_batch_size:
            msg = (
                f"send_batch_max_size must be 0 or at least send_batch_size "
                f"({self.send_batch_size}), got {self.send_batch_max_size}"
            )
            raise ValueError(msg)
        return self


def _create(_config: BatchConfig, _settings: Settings) -> Stateless:
    return Stateless()


FACTORY = ProcessorFactory(config=BatchConfig, create=_create, signals=frozenset(Signal))
