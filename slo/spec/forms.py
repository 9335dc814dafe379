"""What a value may look like: the vocabulary in which the formats are written down.

One table of forms (`slo.spec.shapes`) is checked against the files, printed as JSON
Schema, and held against the documentation, so that the three cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Text:
    """Any scalar but null; `promql` says that it is an expression."""

    promql: bool = False


@dataclass(frozen=True, slots=True)
class Name:
    """A word of lower case letters, digits and dashes; `camel`: CamelCase."""

    camel: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    """A name that a Prometheus label may have, and that we do not set ourselves."""


@dataclass(frozen=True, slots=True)
class Number:
    """A decimal number above 0."""


@dataclass(frozen=True, slots=True)
class Percent:
    """A decimal number above 0 and below 100."""


@dataclass(frozen=True, slots=True)
class Length:
    """A Prometheus duration above zero; `zero`: ``0s`` is allowed too."""

    zero: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """`true` or `false`."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose items all have one form."""

    item: Form


@dataclass(frozen=True, slots=True)
class MapOf:
    """Free keys, each with a value of one form."""

    value: Form
    key: Form = Text()


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a mapping."""

    name: str
    form: Form
    doc: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """A mapping with known keys.

    Attributes:
        name: How messages call it: ``sli.events``.
        one_of: When not empty, exactly one of these keys must be there.
    """

    name: str
    keys: tuple[Key, ...]
    one_of: tuple[str, ...] = ()

    def key(self, name: str) -> Key | None:
        """The key called `name`, if it is known."""
        for key in self.keys:
            if key.name == name:
                return key
        return None


@dataclass(frozen=True, slots=True)
class ScalarOr:
    """A scalar of one form, or a mapping."""

    scalar: Form
    mapping: Shape


@dataclass(frozen=True, slots=True)
class WordOr:
    """A fixed word, or another scalar."""

    word: str
    other: Form


@dataclass(frozen=True, slots=True)
class LengthOrNumber:
    """A duration, or a number above 0."""


@dataclass(frozen=True, slots=True)
class Anything:
    """Read elsewhere: whoever owns the format checks it."""


Form: TypeAlias = (
    Text
    | Name
    | Label
    | Number
    | Percent
    | Length
    | Flag
    | Choice
    | ListOf
    | MapOf
    | Shape
    | ScalarOr
    | WordOr
    | LengthOrNumber
    | Anything
)
