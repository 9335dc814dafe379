"""The diagnostics of this room, as `sloctl explain CODE` tells them."""

from __future__ import annotations

from typing import Final

CODES: Final = {
    "DSH001": (
        "A project has more SLOs than one dashboard shows.\n\n"
        "Each view is then split by owner: `<view>-<team>.json` for each team, with a link at the "
        "top that lists them all. Nothing is lost. Fewer, larger SLOs are easier to read: similar "
        "ones can be one SLO grouped with `by`."
    ),
}
