"""An append-only, segmented, checksummed log: the one place where telemetry waits."""

from collectors.log.disk import (
    DRAFT,
    File,
    FileSystem,
    Locked,
    OsFileSystem,
    read_whole,
    write_atomically,
)
from collectors.log.log import Incomplete, Log, LogHooks
from collectors.log.lookup import Damaged, Lookup
from collectors.log.mark import Mark
from collectors.log.reader import Reader
from collectors.log.record import SIGNALS, Entry, Kind, Record, Totals, total_of
from collectors.log.segment import NewerFormat
from collectors.log.skim import Note, skim
from collectors.log.store import LogFailed, LogFull, Store, StoreSettings

__all__ = [
    "DRAFT",
    "SIGNALS",
    "Damaged",
    "Entry",
    "File",
    "FileSystem",
    "Incomplete",
    "Kind",
    "Locked",
    "Log",
    "LogFailed",
    "LogFull",
    "LogHooks",
    "Lookup",
    "Mark",
    "NewerFormat",
    "Note",
    "OsFileSystem",
    "Reader",
    "Record",
    "Store",
    "StoreSettings",
    "Totals",
    "read_whole",
    "skim",
    "total_of",
    "write_atomically",
]
