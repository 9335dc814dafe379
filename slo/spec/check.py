"""Holds a node against a form, and says everything that does not fit."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from slo.diagnostic import Span
from slo.exact import Duration, decimal, number
from slo.model import Severity
from slo.names import ALERT_LABELS, camel
from slo.source import Entry, Mapping, Node, Scalar, Sequence
from slo.spec.forms import (
    Anything,
    Choice,
    Flag,
    Form,
    Label,
    Length,
    LengthOrNumber,
    ListOf,
    MapOf,
    Name,
    Number,
    Percent,
    ScalarOr,
    Shape,
    Text,
    WordOr,
)
from slo.spec.problems import Problems, closest, nearest

_TICKETS: Final = frozenset({"warning", "warn", "info", "low", "minor", "medium", "sev3", "p3"})
"""What other people call a ticket."""
_PERCENT_DIGITS: Final = 10
"""Its share is then exact in the twelve digits that an expression shows."""

NAME_PATTERN: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
CAMEL_PATTERN: Final = r"[A-Z][A-Za-z0-9]*"
LABEL_PATTERN: Final = r"[a-zA-Z_][a-zA-Z0-9_]*"
# What rules and Alertmanager set themselves: a user's value would be lost or would lie.
RESERVED_LABELS: Final = frozenset({*ALERT_LABELS, "alertname", "calendar", "timezone", "le"})
MAX_NAME: Final = 63


def check(node: Node, form: Form, what: str, problems: Problems) -> None:  # noqa: PLR0911 - one line per form
    """Report where `node`, called `what`, does not have the form `form`."""
    match form:
        case Anything():
            return None
        case Shape():
            return _shape(node, form, what, problems)
        case ListOf():
            return _list(node, form, what, problems)
        case MapOf():
            return _map(node, form, what, problems)
        case ScalarOr():
            inner: Form = form.mapping if isinstance(node, Mapping) else form.scalar
            return check(node, inner, what, problems)
        case WordOr():
            if isinstance(node, Scalar) and node.text == form.word:
                return None
            return check(node, form.other, f"{what} ({form.word} or a number)", problems)
        case _:
            return _leaf(node, form, what, problems)


def required(mapping: Mapping, shape: Shape, place: Span, problems: Problems) -> None:
    """Report the keys of `shape` that `mapping` needs and does not have."""
    for key in shape.keys:
        if key.required and mapping.get(key.name) is None:
            text = f"{shape.name} needs {key.name}: {key.doc}"
            problems.error("SLO011", text, place)


def known_keys(mapping: Mapping, shape: Shape, problems: Problems) -> None:
    """Check every key of `mapping`: it must be known, and its value must fit."""
    for entry in mapping.entries:
        key = shape.key(entry.key.text)
        if key is None:
            text = f"unknown key {entry.key.text!r} in {shape.name}"
            hint = nearest(entry.key.text, (each.name for each in shape.keys))
            problems.error("SLO010", text, entry.key.span, hint)
        else:
            check(entry.value, key.form, key.name, problems)


def _shape(node: Node, shape: Shape, what: str, problems: Problems) -> None:
    if not isinstance(node, Mapping):
        keys = ", ".join(key.name for key in shape.keys)
        _wrong(node, what, f"a mapping with the keys {keys}", problems)
        return
    known_keys(node, shape, problems)
    required(node, shape, node.span, problems)
    if shape.one_of:
        _exactly_one(node, shape, problems)


def _exactly_one(mapping: Mapping, shape: Shape, problems: Problems) -> None:
    given = [entry for entry in mapping.entries if entry.key.text in shape.one_of]
    allowed = ", ".join(shape.one_of)
    if not given:
        problems.error("SLO018", f"{shape.name} needs exactly one of {allowed}", mapping.span)
    for entry in given[1:]:
        got = ", ".join(each.key.text for each in given)
        text = f"{shape.name} takes exactly one of {allowed}, got {got}"
        problems.error("SLO018", text, entry.key.span)


def _list(node: Node, form: ListOf, what: str, problems: Problems) -> None:
    if not isinstance(node, Sequence):
        _wrong(node, what, "a list", problems, "write [a, b], or one item per line after a dash")
        return
    seen: set[str] = set()
    for item in node.items:
        check(item, form.item, f"an item of {what}", problems)
        if isinstance(item, Scalar) and not isinstance(form.item, Text):
            if item.text in seen:
                problems.error("SLO013", f"{item.text} stands twice in {what}", item.span)
            seen.add(item.text)


def _map(node: Node, form: MapOf, what: str, problems: Problems) -> None:
    if not isinstance(node, Mapping):
        _wrong(node, what, "a mapping", problems, "write {key: value}")
        return
    for entry in node.entries:
        if not isinstance(form.key, Text):
            check(entry.key, form.key, f"a key of {what}", problems)
        check(entry.value, form.value, _called(entry), problems)


def _called(entry: Entry) -> str:
    return entry.key.text


def _leaf(node: Node, form: Form, what: str, problems: Problems) -> None:
    if not isinstance(node, Scalar):
        _wrong(node, what, "a single value", problems)
        return
    if node.tag == "null" and not node.quoted:
        _wrong(node, what, "a value", problems, "leave the key out, or give it a value")
        return
    fault = _fault(node.text, form, what)
    if fault is not None:
        code, text, hint = fault
        problems.error(code, text, node.span, hint)


_Fault = tuple[str, str, str]


def _fault(text: str, form: Form, what: str) -> _Fault | None:  # noqa: PLR0911 - one line per form
    match form:
        case Percent():
            return _percent(text, what)
        case Number():
            return _number(text, what)
        case Length():
            return _length(text, what, form)
        case LengthOrNumber():
            return _length_or_number(text, what)
        case Choice():
            return _choice(text, what, form)
        case Flag():
            return _choice(text, what, Choice(("true", "false")))
        case Name():
            return _name(text, what, form)
        case Label():
            return _label(text, what)
        case _:
            return None


def _percent(text: str, what: str) -> _Fault | None:
    fine = "write 99.9 for three nines"
    try:
        value = number(text.removesuffix("%"))
    except ValueError:
        return "SLO012", f"{what} must be a number of percent, got {text!r}", fine
    if text.endswith("%"):
        return "SLO012", f"{what} is in percent without the sign, got {text}", f"write {text[:-1]}"
    if (value * 10**_PERCENT_DIGITS).denominator != 1:
        text = f"{what} may have {_PERCENT_DIGITS} digits after the point, got {text}"
        return "SLO012", text, fine
    return _promise(value, what)


def _promise(value: Fraction, what: str) -> _Fault | None:
    """Whether `value` percent can be promised."""
    fine = "write 99.9 for three nines"
    if not 0 < value < 100:
        text = f"{what} must be above 0 and below 100 percent, got {decimal(value)}"
        if value == 100:
            return "SLO012", text, f"100 leaves no budget to alert on; {fine}"
        return "SLO012", text, fine
    if value < 1:
        text = f"{what} is in percent, and {decimal(value)} percent is hardly a promise"
        return "SLO012", text, f"did you mean {decimal(value * 100)}?"
    return None


def _number(text: str, what: str) -> _Fault | None:
    try:
        value = number(text)
    except ValueError:
        return "SLO015", f"{what} must be a number, got {text!r}", ""
    if value <= 0:
        return "SLO015", f"{what} must be above 0, got {decimal(value)}", ""
    return None


def _length(text: str, what: str, form: Length) -> _Fault | None:
    if form.zero and text in {"0", "0s"}:
        return None
    try:
        Duration.parse(text)
    except ValueError as error:
        if "at most" in str(error):
            return "SLO014", f"{what}: {error}", ""
        hint = "write for example 30s, 5m, 1h30m or 30d"
        if re.fullmatch(r"[0-9.]+", text):
            hint = f"a unit is missing: write {text}s, {text}m, {text}h or {text}d"
        return "SLO014", f"{what} must be a duration above zero, got {text!r}", hint
    return None


def _length_or_number(text: str, what: str) -> _Fault | None:
    if _length(text, what, Length()) is None or _number(text, what) is None:
        return None
    hint = "write for example 500ms, 2s or 0.5"
    return "SLO014", f"{what} must be a duration or a number above 0, got {text!r}", hint


def _choice(text: str, what: str, form: Choice) -> _Fault | None:
    if text in form.words:
        return None
    allowed = ", ".join(form.words)
    hint = closest(text, form.words)
    if form.words == tuple(Severity):
        meant = "ticket" if text.lower() in _TICKETS else "page"
        hint = hint or f"write {meant}; words of your own stand under severities in Settings"
    return "SLO016", f"{what} must be one of {allowed}, got {text!r}", hint


def _name(text: str, what: str, form: Name) -> _Fault | None:
    pattern = CAMEL_PATTERN if form.camel else NAME_PATTERN
    if re.fullmatch(pattern, text) is None:
        if form.camel:
            rule, fixed = "in CamelCase: letters and digits, a capital first", camel(text)
        else:
            rule = "lower case letters, digits and dashes"
            fixed = re.sub(r"[^a-z0-9]+", "-", _words(text).lower()).strip("-")
        return "SLO017", f"{what} must be {rule}, got {text!r}", f"write {fixed}" if fixed else ""
    if len(text) > MAX_NAME:
        return "SLO017", f"{what} may have {MAX_NAME} characters, got {len(text)}", ""
    return None


def _label(text: str, what: str) -> _Fault | None:
    if re.fullmatch(LABEL_PATTERN, text) is None or text.startswith("__"):
        text = f"{what} must be a Prometheus label, got {text!r}"
        return "SLO029", text, "letters, digits and _, not a digit first, not two _ first"
    if text in RESERVED_LABELS:
        return "SLO029", f"{what}: fleetslo sets the label {text} itself", "choose another name"
    return None


def _words(text: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)


def _wrong(node: Node, what: str, wanted: str, problems: Problems, hint: str = "") -> None:
    match node:
        case Sequence():
            got = "a list"
        case Mapping():
            got = "a mapping"
        case Scalar() if node.tag == "null" and not node.quoted:
            got = "nothing"
        case _:
            got = repr(node.text if len(node.text) <= 40 else node.text[:37] + "...")
    problems.error("SLO013", f"{what} must be {wanted}, got {got}", node.span, hint)
