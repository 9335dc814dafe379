"""Configuration of `logdedup`, with the Collector's names and defaults, and bounds."""

from __future__ import annotations

from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from collectors.component import Config
from collectors.net.fields import SECOND, Nanoseconds, Positive, differs
from collectors.ottl import CONTEXTS, Condition
from collectors.processors.logdedup.fields import parse
from collectors.series.senders import MAX_SENDERS


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        msg = f"timezone must be a name of the IANA database, such as Europe/Berlin, got {name!r}"
        raise ValueError(msg) from error
    return name


def _condition(text: str) -> str:
    Condition(text, CONTEXTS["log_record"])
    return text


def _field(text: str) -> str:
    parse(text)
    return text


FieldName = Annotated[str, AfterValidator(_field)]


class LogdedupConfig(Config):
    r"""Configuration of `logdedup`.

    Attributes:
        interval: How often what was gathered is put out.
        log_count_attribute: Says how many records one stands for.
        timezone: Of the times of the first and the last of them.
        exclude_fields: Fields that do not matter, and are not put out: `attributes.NAME`,
            `body.NAME`, deeper ones after further dots; a dot inside of a name is written `\.`.
        include_fields: The only fields that matter, where a record has one of them.
        conditions: Only records that one of these holds for are gathered; all without any.
        metadata_keys: Names of kept headers, in any case; only records of one tenant that came
            with the same values are alike, and leave with them. Without any, all headers count.
        metadata_cardinality_limit: Most combinations of these values; what comes with a
            further one goes through.
        max_records: Most distinct records of a tenant that wait; further ones go through.
        max_bytes: Most bytes of them.
    """

    interval: Annotated[Nanoseconds, Field(gt=0)] = 10 * SECOND
    log_count_attribute: Annotated[str, Field(min_length=1)] = "log_count"
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    exclude_fields: list[FieldName] = Field(default_factory=list[str])
    include_fields: list[FieldName] = Field(default_factory=list[str])
    conditions: list[Annotated[str, AfterValidator(_condition)]] = Field(default_factory=list[str])
    metadata_keys: list[Annotated[str, Field(min_length=1), AfterValidator(str.lower)]] = Field(
        default_factory=list[str]
    )
    metadata_cardinality_limit: Positive = Field(
        default=MAX_SENDERS, json_schema_extra=differs("(refuses what is beyond it)")
    )
    max_records: Positive = Field(default=100_000, json_schema_extra=differs("(no limit)"))
    max_bytes: Positive = Field(default=64 << 20, json_schema_extra=differs("(no limit)"))

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.exclude_fields and self.include_fields:
            msg = "exclude_fields and include_fields contradict each other, give one of them"
            raise ValueError(msg)
        for name, what in (
            ("exclude_fields", "field"),
            ("include_fields", "field"),
            ("metadata_keys", "header"),
        ):
            listed: list[str] = getattr(self, name)
            twice = sorted({of for of in listed if listed.count(of) > 1})
            if twice:
                msg = f"{name} must name a {what} once, got {twice[0]} twice"
                raise ValueError(msg)
        if "body" in self.exclude_fields:
            msg = "exclude_fields must not name the whole body, which is what a record says"
            raise ValueError(msg)
        return self
