"""The whole product on this machine, told as it happens: ``make demo``.

Everything is generated from the built-in catalogue and is real: collector, Prometheus,
Alertmanager, a fleet of processes that speak OTLP. Two faults are injected; the demo ends
well only if the compliance page reached Legal and Compliance.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from alerts.gameday import ask
from alerts.gameday.fleet.crew import FleetError
from alerts.gameday.leave import leaving
from alerts.gameday.narrator import Narrator
from alerts.gameday.runner import UnhealthyError
from alerts.gameday.story import play
from alerts.gameday.tree import TreeError
from slo.servers import MissingToolError, ServerError

FINE: Final = 0
NO_PAGE: Final = 1
USAGE: Final = 2
CANNOT_TELL: Final = 4


def main() -> int:
    """Tell the story; the exit code says whether the page arrived."""
    tell = Narrator()
    try:
        limit = _limit(os.environ.get("DEMO_SECONDS", ""))
        with leaving(), tempfile.TemporaryDirectory(prefix="fleetslo-demo-") as folder:
            return FINE if play(tell, Path(folder), limit) else NO_PAGE
    except ValueError as error:
        tell.complaint(str(error))
        return USAGE
    except MissingToolError as error:
        tell.complaint(f"the demo needs the real servers: {error}")
        return CANNOT_TELL
    except (ServerError, FleetError, ask.UnansweredError) as error:
        tell.complaint(f"the demo cannot run: {error}")
        return CANNOT_TELL
    except (TreeError, UnhealthyError) as error:
        tell.verdict(str(error), good=False)
        return NO_PAGE
    except KeyboardInterrupt:
        tell.verdict("stopped before the page arrived; nothing is left running", good=False)
        return NO_PAGE


def _limit(text: str) -> float | None:
    """`DEMO_SECONDS`: seconds from the servers being ready, above 0; None when not given.

    Raises:
        ValueError: Not a number above 0.
    """
    if not text.strip():
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        msg = f"DEMO_SECONDS must be a number above 0, got {text!r}"
        raise ValueError(msg)
    return seconds


if __name__ == "__main__":
    sys.exit(main())
