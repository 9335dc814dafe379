"""Configuration of `agentmetrics`."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import Field, field_validator, model_validator

from collectors.component import Config
from collectors.dialects import DialectName, unknown
from collectors.net.fields import SECOND, Count, Nanoseconds, Positive
from slo.catalog import Metric, metrics

MADE: Final = (
    "gen_ai.client.operation.duration",
    "gen_ai.client.token.usage",
    "gen_ai.execute_tool.duration",
    "gen_ai.invoke_agent.duration",
    "gen_ai.invoke_workflow.duration",
    "mas.agent.actions",
    "mas.agent.handoffs",
    "mas.llm.attempts",
    "mas.llm.cost",
    "mas.policy.evaluation.duration",
    "mas.queue.message.wait",
    "messaging.process.duration",
)
"""The metrics of the catalogue that spans tell."""

Values = Annotated[list[str], Field(min_length=1)]


class AgentMetricsConfig(Config):
    """Configuration of `agentmetrics`.

    Attributes:
        wait: How long a span waits for those above and below it, before it counts.
        remember: For how long it is known that something counted, for spans that come late.
        max_spans: Most spans that wait or are remembered; beyond it the oldest count early.
        metrics_flush_interval: How often the metrics are put out. A span counts at the second
            flush after it came, so that each series was seen at zero first.
        metrics_expiration: A resource without a span for so long is let go; 0 never.
        resource_metrics_cache_size: Most resources; the one longest without a span goes.
        resource_metrics_key_attributes: Resource attributes that tell resources apart;
            empty for all of them.
        aggregation_cardinality_limit: Most series of a metric and resource, 0 for no limit;
            what comes beyond is counted in one series, ``otel.metric.overflow="true"``.
        exclude_metrics: Metrics that are not made, since the agents send them.
        exclude_dialects: Dialects whose spans count as counted already.
        without_metrics: Dialects whose agents send all metrics themselves, but not here, so that
            their spans count.
        queued_keys: Attributes of a span that takes a message which say when the broker queued
            it: Unix time in seconds, or in whole milli-, micro- or nanoseconds. Best first.
        action_tools: Tools whose executions are actions too, and the type of these actions;
            ``*`` in a name stands for any text.
        declare: Label sets that exist from the start, at zero: the values of each attribute.
            Attributes of the resource stand on the resource, and have one value.
    """

    wait: Nanoseconds = 10 * SECOND
    remember: Nanoseconds = 3600 * SECOND
    max_spans: Positive = 200_000
    metrics_flush_interval: Annotated[Nanoseconds, Field(gt=0)] = 15 * SECOND
    metrics_expiration: Nanoseconds = 0
    resource_metrics_cache_size: Positive = 1000
    resource_metrics_key_attributes: list[str] = Field(default_factory=list[str])
    aggregation_cardinality_limit: Count = 2000
    exclude_metrics: list[str] = Field(default_factory=list[str])
    exclude_dialects: list[DialectName] = Field(default_factory=list[str])
    without_metrics: list[DialectName] = Field(default_factory=list[str])
    queued_keys: list[Annotated[str, Field(min_length=1)]] = Field(
        default_factory=lambda: [
            "messaging.servicebus.message.enqueued_time",
            "messaging.eventhubs.message.enqueued_time",
            "messaging.message.enqueued_time",
        ]
    )
    action_tools: dict[str, Annotated[str, Field(min_length=1)]] = Field(
        default_factory=dict[str, str]
    )
    declare: list[dict[str, Values]] = Field(default_factory=list[dict[str, list[str]]])

    def counted(self) -> tuple[str, ...]:
        """The metrics that are made: a span must meet each of them once."""
        return tuple(metric.name for metric in made(tuple(self.exclude_metrics)))

    @field_validator("exclude_metrics")
    @classmethod
    def _are_made(cls, value: list[str]) -> list[str]:
        for name in value:
            if name not in MADE:
                raise ValueError(unknown(name, MADE))
        return value

    @field_validator("declare")
    @classmethod
    def _are_in_the_catalogue(cls, value: list[dict[str, list[str]]]) -> list[dict[str, list[str]]]:
        closed = {
            attribute.key: attribute.values
            for metric in made(())
            for attribute in metric.attributes
        }
        resource = tuple(attribute.key for attribute in metrics().resource)
        for declared in value:
            for key, values in declared.items():
                _check(key, values, closed, resource)
        return value

    @model_validator(mode="after")
    def _remembers_longer_than_it_waits(self) -> Self:
        if self.remember < self.wait:
            msg = "remember must not be shorter than wait"
            raise ValueError(msg)
        return self


def made(excluded: tuple[str, ...]) -> tuple[Metric, ...]:
    """The metrics that are made, but for `excluded`."""
    return tuple(metrics().metric(name) for name in MADE if name not in excluded)


def _check(
    key: str, values: list[str], closed: dict[str, tuple[str, ...]], resource: tuple[str, ...]
) -> None:
    """Refuse what no series can have.

    Raises:
        ValueError: Says what, and what would be right.
    """
    if key in resource:
        if len(values) > 1:
            msg = f"{key} stands on the resource and has one value, got {len(values)}"
            raise ValueError(msg)
        return
    if key not in closed:
        raise ValueError(unknown(key, (*closed, *resource)))
    for value in values:
        if closed[key] and value not in closed[key]:
            msg = f"{key}: {unknown(value, closed[key])}"
            raise ValueError(msg)
