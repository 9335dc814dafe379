"""`sloctl backfill`: blocks of recorded series for the time before the rules were there."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from slo.ask import Prometheus
from slo.cli.asking import prometheus_option
from slo.cli.reading import read_paths
from slo.cli.report import report
from slo.cli.state import FINE, PROBLEMS, Fault, State


@click.command("backfill")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", type=click.Path(exists=True))
@prometheus_option()
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to put the blocks; must be empty, or not there.",
)
@click.option("--since", default="30d", show_default=True, help="From when.")
@click.option("--until", default="3h", show_default=True, help="Until when.")
@click.pass_obj
def backfill(
    state: State, specs: tuple[str, ...], prometheus: Prometheus, out: Path, since: str, until: str
) -> int:
    """Record what the rules of the SLOs in SPEC would have recorded, from --prometheus.

    Move the blocks into its data directory: then budgets cover the past from the first
    minute on. Prometheus must hold the raw series for that time. The last three hours are
    left to the running server, whose memory holds them.
    """
    reading = read_paths(specs)
    report([p for p in reading.problems if p.level == "error"], reading.sources, state)
    if reading.project is None:
        return PROBLEMS
    if out.exists() and any(out.iterdir()):
        msg = f"{out} is not empty: blocks of two runs must not be mixed"
        raise Fault(msg)
    # The compiler and the servers are slow to import.
    from slo.cli.playing import played, reachable, stretch  # noqa: PLC0415
    from slo.cli.verify import Waiting  # noqa: PLC0415
    from slo.replay import Story, replay  # noqa: PLC0415
    from slo.rules import compile_project  # noqa: PLC0415

    source = reachable(prometheus)
    groups = [
        group for file in compile_project(reading.project).rule_files for group in file.groups
    ]
    story = Story(*stretch(since, until), reading.project.settings.intervals.scrape)
    waiting = Waiting(sys.stderr, active=sys.stderr.isatty() and not state.quiet)
    with played(), replay(story, waiting.show) as playing:
        count = playing.record(groups, source=source)
        playing.stop()
        waiting.clear()
        blocks = _moved(playing.blocks, out)
    state.say(
        f"{count} samples in {blocks} blocks: move the folders in {out} to the data directory"
    )
    return FINE


def _moved(blocks: Path, out: Path) -> int:
    """Copy complete blocks to `out`; how many."""
    out.mkdir(parents=True, exist_ok=True)
    found = [folder for folder in sorted(blocks.iterdir()) if (folder / "meta.json").is_file()]
    for folder in found:
        shutil.copytree(folder, out / folder.name)
    return len(found)


COMMAND = backfill
