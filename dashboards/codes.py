"""The diagnostics of this room, as `sloctl explain CODE` tells them."""

from __future__ import annotations

from typing import Final

CODES: Final = {
    "DSH001": (
        "A project has more SLOs than one dashboard shows.\n\n"
        "The three views then show all SLOs together, without a row for each; rows stand in "
        "`<view>-<team>.json` for each owner, a hundred SLOs at most in one file, with a link at "
        "the top that lists them all. Nothing is lost, and links of alerts stay as they are. "
        "Fewer, larger SLOs are easier to read: similar "
        "ones can be one SLO grouped with `by`."
    ),
}
