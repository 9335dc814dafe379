"""`file_storage`: where the logs are kept, how large they may grow, what OK stands for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from collectors.component import Config, ExtensionFactory, Host, Settings
from collectors.net.fields import SECOND, Nanoseconds, Size, differs

STATE_VARIABLE: Final = "FLEETSLO_STATE"
"""What configurations call the user's directory for state."""

MIN_SIZE_BYTES: Final = 16 * 1024 * 1024
MIN_DECISIONS_BYTES: Final = 1024 * 1024


def state_directory() -> Path:
    """The user's directory for state: `$FLEETSLO_STATE`, else ``fleetslo`` in `$XDG_STATE_HOME`.

    Source: XDG Base Directory Specification 0.8: a relative value is ``~/.local/state``.
    """
    given = os.environ.get(STATE_VARIABLE, "")
    if given:
        return Path(given)
    home = os.environ.get("XDG_STATE_HOME", "")
    base = Path(home) if home.startswith("/") else Path("~/.local/state").expanduser()
    return base / "fleetslo"


def data_directory() -> Path:
    """Where the daemon's data is unless somebody says otherwise."""
    return state_directory() / "data"


class FileStorageConfig(Config):
    """Configuration of `file_storage`.

    Attributes:
        directory: Of this daemon alone; made if it is not there. By default ``data`` in the
            user's directory for state, as in the built-in configuration.
        max_size: Budget of all logs and of the saved state together in bytes, or with a unit
            (``10GiB``); absent is the lesser of 10 GiB and half of what is free at start.
        durability: ``fsync``: an acknowledged request is on the disk. ``os``: it is with
            the operating system, and lost if the machine, not the daemon, goes down.
        retain: How long finished segments stay after they were processed.
        dead_letters_max_age: After how long dead letters are let go, by whole segments,
            counted and told; 0 keeps them until they are requeued.
        decisions_max_size: Of the log of what samplers decided, in bytes, or with a unit;
            absent is the lesser of 256 MiB and a part of the budget.
        decisions_max_age: After how long decisions are let go; 0 is never.
    """

    directory: Path = Field(
        default_factory=data_directory,
        json_schema_extra=differs("/var/lib/otelcol/file_storage"),
    )
    max_size: Annotated[Size, Field(ge=MIN_SIZE_BYTES)] | None = Field(
        default=None, json_schema_extra=differs("(no limit)")
    )
    durability: Literal["fsync", "os"] = Field(
        default="fsync", json_schema_extra=differs("os (fsync: false)")
    )
    retain: Nanoseconds = Field(default=3600 * SECOND, json_schema_extra=differs("0s"))
    dead_letters_max_age: Nanoseconds = Field(default=0, json_schema_extra=differs("(none)"))
    decisions_max_size: Annotated[Size, Field(ge=MIN_DECISIONS_BYTES)] | None = Field(
        default=None, json_schema_extra=differs("(none)")
    )
    decisions_max_age: Nanoseconds = Field(
        default=86400 * SECOND, json_schema_extra=differs("(none)")
    )


class FileStorage:
    """The logs themselves are opened by the daemon, before any extension starts."""

    async def start(self, host: Host) -> None:
        """Nothing is left to do."""

    async def stop(self) -> None:
        """Nothing is left to do."""


def _create(_config: FileStorageConfig, _settings: Settings) -> FileStorage:
    return FileStorage()


FACTORY = ExtensionFactory(config=FileStorageConfig, create=_create)
