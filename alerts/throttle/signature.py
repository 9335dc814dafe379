"""Who said it: a signature with a shared key, and how an agent checks it.

An agent checks the signature, that the answer is younger than `valid_seconds`, and works
at full rate when it gets no valid answer: a throttle that is down must not stop the fleet.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Final

HEADER: Final = "X-Fleetslo-Signature"
_SCHEME: Final = "sha256="
_SHORTEST_BYTES: Final = 32
_LONGEST_BYTES: Final = 4_096
_OTHERS: Final = 0o077


class KeyFileError(ValueError):
    """A key file that cannot be used; says why."""


def read_key(path: Path) -> bytes:
    """The key in `path`, white space at its ends left out.

    Raises:
        KeyFileError: It cannot be read, others may read it, or it is too short or too long.
    """
    try:
        mode = path.stat().st_mode
        with path.open("rb") as file:
            key = file.read(_LONGEST_BYTES + 1).strip()
    except OSError as error:
        msg = f"{path} cannot be read: {(error.strerror or str(error)).lower()}"
        raise KeyFileError(msg) from error
    if mode & _OTHERS:
        msg = f"{path} may be read by others (mode {mode & 0o777:03o}): chmod 600"
        raise KeyFileError(msg)
    if not _SHORTEST_BYTES <= len(key) <= _LONGEST_BYTES:
        msg = f"{path} must hold {_SHORTEST_BYTES} to {_LONGEST_BYTES} bytes, got {len(key)}"
        raise KeyFileError(msg)
    return key


def sign(key: bytes, body: bytes) -> str:
    """The value of `HEADER` for `body`: HMAC-SHA256, in hexadecimal.

    Source: RFC 2104.
    """
    return _SCHEME + hmac.new(key, body, hashlib.sha256).hexdigest()


def is_signed(key: bytes, body: bytes, signature: str) -> bool:
    """Whether `signature` is that of `body`; takes the same time for every wrong one."""
    return hmac.compare_digest(sign(key, body).encode(), signature.encode("utf-8", "replace"))
