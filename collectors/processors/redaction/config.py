"""Configuration of `redaction`: keys that may stay, values that may not.

Source: redaction processor of the OpenTelemetry Collector; names and defaults as there.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from collectors.component import Config
from collectors.patterns import pattern


def _checked(text: str) -> str:
    pattern(text)
    return text


Patterns = Annotated[
    list[Annotated[str, Field(min_length=1), AfterValidator(_checked)]], Field(max_length=1000)
]
"""Regular expressions of RE2, searched for anywhere in a text unless anchored."""


class RedactionConfig(Config):
    """Configuration of `redaction`.

    Keys are judged in this order: ignored, not allowed, value allowed, key blocked, value blocked.

    Attributes:
        allow_all_keys: Every attribute may stay; else only `allowed_keys`.
        allowed_keys: Attributes that may stay; empty removes all of them.
        ignored_keys: Attributes that stay as they are, whatever else is said.
        ignored_key_patterns: Likewise, by pattern.
        redact_all_types: Numbers and booleans are judged as the texts that they print as.
        blocked_key_patterns: Attributes whose whole value is masked.
        blocked_values: What is masked in texts: of attributes and all that is nested in them,
            of log bodies, and of names and messages.
        allowed_values: Texts that stay although something in them is blocked.
        hash_function: What stands in the place of what was masked, in hexadecimal; empty is
            ``****``.
        hmac_key: Secret of the two hmac functions.
        summary: Attributes that tell how much was redacted: ``debug`` with the keys, ``info``
            with counts, ``silent`` or empty none; then those that a sender wrote are removed.
    """

    allow_all_keys: bool = False
    allowed_keys: list[str] = Field(default_factory=list[str])
    ignored_keys: list[str] = Field(default_factory=list[str])
    ignored_key_patterns: Patterns = Field(default_factory=list[str])
    redact_all_types: bool = False
    blocked_key_patterns: Patterns = Field(default_factory=list[str])
    blocked_values: Patterns = Field(default_factory=list[str])
    allowed_values: Patterns = Field(default_factory=list[str])
    hash_function: Literal["", "md5", "sha1", "sha3", "hmac-sha256", "hmac-sha512"] = ""
    hmac_key: SecretStr = SecretStr("")
    summary: Literal["", "debug", "info", "silent"] = ""

    @property
    def has_summary(self) -> bool:
        """Whether what was redacted is told in attributes."""
        return self.summary in {"debug", "info"}

    @model_validator(mode="after")
    def _has_its_key(self) -> Self:
        if self.hash_function.startswith("hmac") and not self.hmac_key.get_secret_value():
            msg = f"hash_function {self.hash_function} needs hmac_key"
            raise ValueError(msg)
        return self

    @field_validator("blocked_values")
    @classmethod
    def _match_something(cls, texts: list[str]) -> list[str]:
        for text in texts:
            if pattern(text).search("") is not None:
                msg = f"{text!r} matches the empty text, so everywhere; a whole value is `.+`"
                raise ValueError(msg)
        return texts

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.allow_all_keys and not self.blocked_values and not self.blocked_key_patterns:
            msg = (
                "redacts nothing: with allow_all_keys: true it needs blocked_values or "
                "blocked_key_patterns"
            )
            raise ValueError(msg)
        return self
