"""What a configuration may tell about attribute keys, so that a mistake is told before it runs.

A configuration that has one of these methods is asked; nothing needs to be registered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable


@runtime_checkable
class ReadsKeys(Protocol):
    """It decides by attributes of spans or of their resources."""

    def read_keys(self) -> Sequence[str]:
        """Their keys."""
        ...


@runtime_checkable
class RemovesKeys(Protocol):
    """No item leaves it with some attributes."""

    def removed_keys(self) -> Sequence[str]:
        """Their keys."""
        ...
