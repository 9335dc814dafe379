"""How long to wait before sending again: longer each time, by lot, and as the far end asks."""

from __future__ import annotations

from collections.abc import Callable

from collectors.service.plan import QueueSettings

MOST_HINT_SECONDS = 300.0
"""A hint beyond it is taken for it: a mistaken date must not stop delivery for a year."""


class Backoff:
    """The waits of one batch."""

    def __init__(self, settings: QueueSettings, draw: Callable[[], float]) -> None:
        """Begin with the first wait.

        Args:
            settings: Of the destination.
            draw: A number from 0 to 1, by lot.
        """
        self._settings = settings
        self._draw = draw
        self._interval = settings.initial_interval_seconds

    def next_seconds(self, hint_seconds: float | None) -> float:
        """The next wait: at least what the far end hinted, within reason."""
        settings = self._settings
        spread = settings.randomization_factor * (2 * self._draw() - 1)
        wait = self._interval * (1 + spread)
        self._interval = min(self._interval * settings.multiplier, settings.max_interval_seconds)
        if hint_seconds is None or not hint_seconds > 0:
            return wait
        return max(wait, min(hint_seconds, MOST_HINT_SECONDS))
