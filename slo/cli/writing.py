"""Puts a generated tree in place, so that no reader ever sees half a file.

Every file is written beside its place and renamed over it. The manifest names what is
ours: before the first rename it lists the old and the new files, after the last one the
new ones only. So an interrupted run is finished by the next, and nothing is orphaned.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from slo.cli.building import Built
from slo.cli.reading import MANIFEST
from slo.cli.state import Fault
from slo.plugin import Output

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Change:
    """What happened, or would happen, to a path: missing, changed, stale; written, removed."""

    what: str
    path: str


@dataclass(frozen=True, slots=True)
class _Listed:
    """A file of the manifest.

    Attributes:
        was: What it was before a run that did not end; empty where none was interrupted.
    """

    output: str
    sha256: str
    was: str = ""


def write(
    out: Path, files: Sequence[Built], only: Collection[Output], *, force: bool = False
) -> tuple[Change, ...]:
    """Make the families `only` of `out` be exactly `files`; other families stay.

    Returns:
        What changed, sorted by path; nothing when all was there already.

    Raises:
        Fault: A file is in the way that we did not write, or the disk refuses.
    """
    before = _manifest(out)
    after = _listed(files)
    kept = {path: listed for path, listed in before.items() if listed.output not in only}
    stale = [path for path in before if path not in after and path not in kept]
    try:
        if not force:
            _refuse_strangers(out, after, before)
        todo = [file for file in files if not _same(out / file.path, file.text)]
        if not force:
            _refuse_edited(out, todo, before)
        final = _manifest_text({**kept, **after})
        if not todo and not stale and _same(out / MANIFEST, final):
            return ()
        out.mkdir(parents=True, exist_ok=True)
        _replace(out / MANIFEST, _manifest_text({**before, **_begun(before, after)}))
        for file in todo:
            _replace(out / file.path, file.text)
        removed = [path for path in stale if _remove(out, path)]
        _replace(out / MANIFEST, final)
    except OSError as error:
        msg = f"cannot write {error.filename or out}: {(error.strerror or str(error)).lower()}"
        raise Fault(msg) from error
    changes = [Change("written", file.path) for file in todo]
    changes += [Change("removed", path) for path in removed]
    return tuple(sorted(changes, key=lambda change: change.path))


def differences(out: Path, files: Sequence[Built], only: Collection[Output]) -> tuple[Change, ...]:
    """What `write` would change in `out`, sorted by path."""
    wanted = {file.path for file in files}
    changes = [
        Change("changed" if (out / file.path).exists() else "missing", file.path)
        for file in files
        if not _same(out / file.path, file.text)
    ]
    changes += [
        Change("stale", path)
        for path, listed in _manifest(out).items()
        if path not in wanted and listed.output in only and (out / path).exists()
    ]
    return tuple(sorted(changes, key=lambda change: change.path))


def listed_hashes(out: Path) -> dict[str, str]:
    """The paths of the manifest of `out` and the SHA-256 of each; empty without one."""
    return {path: listed.sha256 for path, listed in _manifest(out).items()}


def sha256(data: bytes) -> str:
    """The digest as the manifest writes it."""
    return hashlib.sha256(data).hexdigest()


def _listed(files: Sequence[Built]) -> dict[str, _Listed]:
    return {file.path: _Listed(file.output, sha256(file.text.encode())) for file in files}


def _begun(before: Mapping[str, _Listed], after: Mapping[str, _Listed]) -> dict[str, _Listed]:
    """The new files, each with what stands there until it is renamed into place."""
    return {
        path: replace(listed, was=before[path].sha256)
        if path in before and before[path].sha256 != listed.sha256
        else listed
        for path, listed in after.items()
    }


def _manifest_text(listed: Mapping[str, _Listed]) -> str:
    files = [
        {"path": path, "output": listed[path].output, "sha256": listed[path].sha256}
        | ({"was": listed[path].was} if listed[path].was else {})
        for path in sorted(listed)
    ]
    return json.dumps({"fleetslo": FORMAT, "files": files}, indent=2, ensure_ascii=False) + "\n"


def _manifest(out: Path) -> dict[str, _Listed]:
    """What an earlier run wrote; paths that leave the directory are not believed."""
    try:
        found = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        version = found["fleetslo"]
        listed = {
            str(entry["path"]): _Listed(
                str(entry["output"]), str(entry["sha256"]), str(entry.get("was", ""))
            )
            for entry in found["files"]
        }
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f"{out / MANIFEST} is not a manifest of sloctl; remove it, or choose another DIR"
        raise Fault(msg) from error
    if version != FORMAT:
        msg = f"{out / MANIFEST} is of format {version}, this sloctl knows {FORMAT}"
        raise Fault(msg)
    return {path: entry for path, entry in listed.items() if _stays_below(path)}


def _stays_below(path: str) -> bool:
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and bool(pure.parts)


def _refuse_strangers(
    out: Path, after: Mapping[str, _Listed], before: Mapping[str, _Listed]
) -> None:
    strangers = [path for path in after if path not in before and (out / path).exists()]
    if strangers:
        more = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
        msg = (
            f"{out / strangers[0]}{more} was not written by sloctl; "
            "choose another DIR, or overwrite with --force"
        )
        raise Fault(msg)


def _refuse_edited(out: Path, todo: Sequence[Built], before: Mapping[str, _Listed]) -> None:
    """Somebody changed what we wrote: their work is not ours to throw away."""
    edited = [
        file.path
        for file in todo
        if file.path in before
        and (out / file.path).is_file()
        and sha256((out / file.path).read_bytes())
        not in {before[file.path].sha256, before[file.path].was}
    ]
    if edited:
        more = f" and {len(edited) - 1} more" if len(edited) > 1 else ""
        msg = (
            f"{out / edited[0]}{more} was changed since sloctl wrote it, and would be overwritten; "
            "put the change into the SLO files or a base file, then use --force"
        )
        raise Fault(msg)


def _same(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _remove(out: Path, path: str) -> bool:
    """Remove a file that is ours no longer, and the folders that it leaves empty."""
    target = out / path
    existed = target.exists()
    target.unlink(missing_ok=True)
    for folder in target.parents:
        if folder == out or not folder.is_dir() or any(folder.iterdir()):
            break
        folder.rmdir()
    return existed


def put(path: Path, text: str) -> None:
    """Write a file of the user's, whole or not at all.

    Raises:
        Fault: The disk refuses.
    """
    try:
        _replace(path, text)
    except OSError as error:
        msg = f"cannot write {path}: {(error.strerror or str(error)).lower()}"
        raise Fault(msg) from error
