"""Every message of this room can be explained, and nothing is explained that is never said."""

from __future__ import annotations

import re
from pathlib import Path

import alerts.routing
import alerts.runbooks
from alerts.routing.codes import CODES

_CODE = re.compile(r'"(ALM\d{3})"')


def said() -> set[str]:
    folders = [Path(room.__path__[0]) for room in (alerts.routing, alerts.runbooks)]
    files = [path for folder in folders for path in folder.glob("*.py") if path.name != "codes.py"]
    return {code for path in files for code in _CODE.findall(path.read_text("utf-8"))}


def test_every_code_that_is_said_is_explained_and_the_other_way_round() -> None:
    assert said() == set(CODES)


def test_an_explanation_is_more_than_a_repetition() -> None:
    assert all(len(text) > 60 for text in CODES.values())
