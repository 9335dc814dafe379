"""What is an event, and what a bad one: the `spans` indicators of SLO files.

As `sloctl generate` writes them for the processor `sli`; policies of samplers read the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Protocol, Self, runtime_checkable

from pydantic import BeforeValidator, Field, model_validator

from collectors.component import Config
from collectors.net.fields import Nanoseconds

SERVICE: Final = "service.name"


def _to_text(value: object) -> object:
    """A scalar of YAML as attribute values are compared: ``true``, ``5``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


Text = Annotated[str, BeforeValidator(_to_text)]
Key = Annotated[str, Field(min_length=1)]


class BadConfig(Config):
    """What makes a span a bad event: any of these.

    Attributes:
        status: A status of error.
        attributes: A span attribute of this value.
        above: A duration longer than this; a span that takes just as long is good.
    """

    status: bool = True
    attributes: dict[Key, Text] = Field(default_factory=dict[str, str])
    above: Nanoseconds = 0

    @model_validator(mode="after")
    def _can_be_bad(self) -> Self:
        if not (self.status or self.attributes or self.above):
            msg = "no span can be bad: status is off, and neither attributes nor above is given"
            raise ValueError(msg)
        return self


class SpansConfig(Config):
    """Which spans are events: all of these must match.

    Attributes:
        service: The resource attribute `service.name`.
        span_name: The whole name of the span; None for any.
        attributes: Span attributes and their values, as text.
    """

    service: Annotated[str, Field(min_length=1)]
    span_name: Annotated[str, Field(min_length=1)] | None = None
    attributes: dict[Key, Text] = Field(default_factory=dict[str, str])
    bad: BadConfig = BadConfig()

    def read_keys(self) -> list[str]:
        """Attribute keys by which its events are known."""
        return [SERVICE, *self.attributes, *self.bad.attributes]

    @model_validator(mode="after")
    def _can_be_good(self) -> Self:
        for key, value in self.bad.attributes.items():
            if self.attributes.get(key) == value:
                msg = f"every event is bad: {key} must be {value!r} to match, and that is bad"
                raise ValueError(msg)
        return self


class SloConfig(Config):
    """One indicator."""

    spans: SpansConfig


@runtime_checkable
class HasIndicators(Protocol):
    """A configuration that names SLOs, and says what their events are."""

    def indicators(self) -> Mapping[str, SpansConfig]:
        """By SLO id."""
        ...
