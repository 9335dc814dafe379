"""What a configuration says about names and labels."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Annotated, Final

from pydantic import AfterValidator

from collectors.component import Config

_NAME: Final = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _namespace(value: str) -> str:
    if value and not _NAME.fullmatch(value):
        msg = f"must be letters, digits, underscores and colons, got {value!r}"
        raise ValueError(msg)
    return value


def _labels(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        if not _LABEL.fullmatch(name) or name.startswith("__"):
            msg = f"must have names of letters, digits and underscores, got {name!r}"
            raise ValueError(msg)
    return value


Namespace = Annotated[str, AfterValidator(_namespace)]
"""Put before every metric name, with an underscore."""

ConstLabels = Annotated[dict[str, str], AfterValidator(_labels)]
"""Put on every series."""


class ResourceLabelsConfig(Config):
    """Which resource attributes become labels of every series; patterns with ``*`` and ``?``."""

    included: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    def wants(self, key: str) -> bool:
        """Whether the attribute `key` becomes a label."""
        return any(fnmatchcase(key, pattern) for pattern in self.included) and not any(
            fnmatchcase(key, pattern) for pattern in self.excluded
        )
