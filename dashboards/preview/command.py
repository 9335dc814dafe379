"""`sloctl preview`: see generated dashboards without a Grafana."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import click

from dashboards.preview.collect import filled
from dashboards.preview.page import page
from dashboards.proof import OWN_SERIES, boards_below
from dashboards.proving.ask import AskError
from dashboards.proving.history import COARSE_SECONDS, FINE_SECONDS, Timeline
from dashboards.proving.phases import HEALTHY, PHASES
from dashboards.proving.reading import Dashboard
from dashboards.proving.recorded import rules_below
from dashboards.proving.replay import ReplayError, replayed
from slo.catalog import metrics
from slo.names import DASHBOARD_UIDS
from slo.servers import MissingToolError, ServerError

CANNOT_TELL: Final = 4
_DAY_SECONDS: Final = 86_400
_NAMES: Final = tuple(phase.name for phase in PHASES)
_VIEWS: Final = tuple(DASHBOARD_UIDS)


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("preview.html"),
    show_default=True,
    help="The page to write.",
)
@click.option(
    "--phase",
    type=click.Choice(_NAMES),
    default=HEALTHY,
    show_default=True,
    help="Which phase of the made-up story to show.",
)
@click.option(
    "--view",
    "views",
    multiple=True,
    type=click.Choice(_VIEWS),
    help="Draw only this one; may be given more than once.",
)
@click.option("--prometheus", "url", help="Show live data of this Prometheus instead.")
def preview(
    directory: Path, out: Path, phase: str, views: tuple[str, ...], url: str | None
) -> None:
    """Draw the dashboards of DIRECTORY on one page, without a Grafana.

    The data are made up from the metric catalogue, on a real Prometheus that lives as long as
    the drawing takes; or live ones, with --prometheus.
    """
    boards = boards_below(directory)
    if not boards:
        msg = f"no dashboards below {directory}: run sloctl generate first"
        raise click.UsageError(msg)
    chosen = [
        (name, board) for name, board in boards.items() if not views or view_of(board) in views
    ]
    ordered = sorted(chosen, key=lambda item: (_rank(item[1]), item[0]))
    try:
        text = _drawn(directory, [board for _, board in ordered], phase, url)
    except (MissingToolError, ReplayError, ServerError, AskError, OSError) as error:
        click.echo(f"cannot draw: {error}", err=True)
        raise click.exceptions.Exit(CANNOT_TELL) from error
    out.write_text(text, encoding="utf-8")
    drawn = "1 dashboard" if len(ordered) == 1 else f"{len(ordered)} dashboards"
    click.echo(f"{drawn} drawn in {out}; this is not Grafana's own drawing")


def _drawn(directory: Path, boards: Sequence[Dashboard], phase: str, url: str | None) -> str:
    if url is not None:
        address, now = url.rstrip("/"), int(time.time())
        seen = [(board, filled(address, board, now, FINE_SECONDS)) for board in boards]
        return page(seen, f"Live data of {url}.")
    return next(text for _, text in story_pages(directory, [(phase, boards)]))


def story_pages(
    directory: Path, wanted: Sequence[tuple[str, Sequence[Dashboard]]]
) -> Iterator[tuple[str, str]]:
    """A page for each phase and its dashboards, from made-up data: the phase, the page.

    The story ends where the phase does: a day that is not over is shown as far as it went.

    Raises:
        MissingToolError: Prometheus or promtool is not to be had.
        ReplayError: The story cannot be told.
        ServerError: Prometheus did not come up.
    """
    midnight, rules = int(time.time()) // _DAY_SECONDS * _DAY_SECONDS, rules_below(directory)
    for phase, pages in groupby(wanted, lambda each: each[0]):
        timeline = Timeline.until(midnight, phase)
        with replayed(metrics(), rules, timeline, OWN_SERIES) as story:
            for _, boards in pages:
                # As coarse as most of the story is: so lines are whole.
                seen = [(of, filled(story.url, of, midnight, COARSE_SECONDS)) for of in boards]
                yield phase, page(seen, f"Made-up data, at the end of the phase {phase}.")


def _rank(board: Dashboard) -> int:
    view = view_of(board)
    return _VIEWS.index(view) if view in _VIEWS else len(_VIEWS)


def view_of(board: Dashboard) -> str:
    """The view that `board` is, or is a team's part of; empty for none."""
    return next((view for view in _VIEWS if board.uid.startswith(DASHBOARD_UIDS[view])), "")
