"""Blocks that we write, read back by promtool: every sample, to the last bit."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from slo.replay import Samples
from slo.replay.blocks import write_block
from slo.servers import find

pytestmark = pytest.mark.servers

BEGAN = 1_767_571_200
GAPS = (15.0, 15.0, 15.0, 30.0, 0.001, 3_600.0, 700_000.0)
_LINE = re.compile(r"^\{(?P<labels>.*)\} (?P<value>\S+) (?P<time>-?\d+)$")


def promtool() -> Path:
    found = find("promtool")
    if found is None:
        pytest.skip("promtool is not to be had, run `make servers`")
    return found


def stories(seed: int) -> list[Samples]:
    """Series of every length, with jumps in time and values of every kind."""
    rng = np.random.default_rng(seed)
    made: list[Samples] = []
    for number in range(16):
        count = (1, 2, 3, 959, 960, 961, 962, 1_921)[number % 8]
        times = np.round((BEGAN if number % 3 else -BEGAN) + np.cumsum(rng.choice(GAPS, count)), 3)
        kinds = (
            np.cumsum(rng.poisson(3, count)).astype(np.float64),
            np.full(count, 5.0),
            rng.normal(size=count),
            rng.choice([0.0, -0.0, 1.0, -1.5, np.inf, np.nan, 1e300, 5e-324], count),
        )
        labels = {"a": str(number), "odd": 'x"\\\n'}
        values = kinds[number % 4].tolist()
        made.append(Samples(f"m{number % 3}_total", labels, times.tolist(), values))
    return made


def said(what: str, folder: Path) -> str:
    """What promtool says of a database; newer ones want a folder `data` where they are called."""
    (folder / "wal").mkdir()
    (folder / "elsewhere" / "data").mkdir(parents=True)
    command = [str(promtool()), "tsdb", what, str(folder)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=60, cwd=folder / "elsewhere"
    )
    return done.stdout


def dumped(folder: Path) -> dict[tuple[str, str], list[tuple[int, str]]]:
    """What promtool reads, by name and the label `a`."""
    text = said("dump", folder)
    found: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        assert match is not None, line
        labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match["labels"]))
        assert labels["odd"] == 'x\\"\\\\\\n'
        point = (int(match["time"]), float(match["value"]).hex())
        found.setdefault((labels["__name__"], labels["a"]), []).append(point)
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_promtool_reads_every_sample_that_was_written(tmp_path: Path, seed: int) -> None:
    written = stories(seed)
    count = write_block(tmp_path, written)

    expected = {
        (one.name, one.labels["a"]): [
            (round(time * 1000), float(value).hex())
            for time, value in zip(one.times, one.values, strict=True)
        ]
        for one in written
    }
    assert count == sum(len(one.times) for one in written)
    assert dumped(tmp_path) == expected


def test_promtool_lists_the_block_with_its_figures(tmp_path: Path) -> None:
    write_block(tmp_path, stories(4))

    figures = said("list", tmp_path).splitlines()[1].split()
    assert figures[4:6] == [str(sum(len(one.times) for one in stories(4))), "24"]
