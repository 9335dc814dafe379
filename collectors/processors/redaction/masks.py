"""What stands in the place of what was masked, and which keys and texts it is about."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from collectors.patterns import Match, Pattern, pattern
from collectors.processors.redaction.config import RedactionConfig

MASK: Final = "****"

_MOST_KEYS: Final = 10_000
"""Keys remembered; a sender can invent as many as he likes."""

_LONGEST_KEY: Final = 256
"""Characters of a key that is remembered; a longer one is judged again each time."""

_Mask = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Key:
    """What holds for the attributes of a key.

    Attributes:
        name: The key itself, with what is blocked in it masked.
        is_ignored: They stay as they are.
        is_allowed: They may stay.
        is_blocked: Their whole value is masked.
    """

    name: str
    is_ignored: bool
    is_allowed: bool
    is_blocked: bool


class Rules:
    """A configuration, compiled.

    Attributes:
        own_keys: Attributes that say what was redacted: they stay where there is a summary.
            Else a sender wrote them, and they go unless the configuration names them.
    """

    def __init__(self, config: RedactionConfig, own_keys: frozenset[str]) -> None:
        self._allow_all = config.allow_all_keys
        self._allowed = frozenset(config.allowed_keys)
        self._foreign = frozenset[str]()
        if config.has_summary:
            self._allowed |= own_keys
        else:
            self._foreign = own_keys - self._allowed
        self._ignored = frozenset(config.ignored_keys)
        self._ignored_patterns = _compiled(config.ignored_key_patterns)
        self._blocked_keys = _compiled(config.blocked_key_patterns)
        self._blocked = _compiled(config.blocked_values)
        self._is_blocked = _either(config.blocked_values)
        self._spared = _compiled(config.allowed_values)
        self._mask = _mask(config)
        self._keys: dict[str, Key] = {}
        self.takes_all_types = config.redact_all_types

    def judge(self, key: str) -> Key:
        """What holds for an attribute of that key; remembered, since keys come again and again."""
        known = self._keys.get(key)
        if known is None:
            if len(self._keys) >= _MOST_KEYS:
                self._keys.clear()
            known = Key(
                name=self.masked(key),
                is_ignored=key in self._ignored or _any(self._ignored_patterns, key),
                is_allowed=key in self._allowed or (self._allow_all and key not in self._foreign),
                is_blocked=_any(self._blocked_keys, key),
            )
            if len(key) <= _LONGEST_KEY:
                self._keys[key] = known
        return known

    def is_spared(self, text: str) -> bool:
        """Whether `text` stays although something in it is blocked."""
        return _any(self._spared, text)

    def whole(self, text: str) -> str:
        """The mask of `text` as a whole."""
        return self._mask(text)

    def masked(self, text: str) -> str:
        """`text` with what is blocked in it masked."""
        if not _any(self._is_blocked, text) or self.is_spared(text):
            return text
        for blocked in self._blocked:
            text = blocked.sub(self._replaced, text)
        return text

    def _replaced(self, match: Match) -> str:
        return self._mask(match.group() or "")


def _compiled(texts: Sequence[str]) -> tuple[Pattern, ...]:
    return tuple(pattern(text) for text in texts)


def _either(texts: Sequence[str]) -> tuple[Pattern, ...]:
    r"""One pattern that finds what any of `texts` finds; all of them where there is none.

    A ``\Q`` without its ``\E`` would quote what follows; many patterns may be too large together.
    """
    if texts and not any(r"\Q" in text for text in texts):
        with suppress(ValueError):
            return (pattern("|".join(f"(?:{text})" for text in texts)),)
    return _compiled(texts)


def _any(patterns: Sequence[Pattern], text: str) -> bool:
    return any(one.search(text) is not None for one in patterns)


def _mask(config: RedactionConfig) -> _Mask:
    name = config.hash_function
    if not name:
        return lambda _: MASK
    if name.startswith("hmac-"):
        key = config.hmac_key.get_secret_value().encode()
        return partial(_keyed, key, name.removeprefix("hmac-"))
    return partial(_hashed, {"sha3": "sha3_256"}.get(name, name))


def _hashed(function: str, text: str) -> str:
    return hashlib.new(function, text.encode(), usedforsecurity=False).hexdigest()


def _keyed(key: bytes, function: str, text: str) -> str:
    return hmac.new(key, text.encode(), function).hexdigest()
