"""Builds documents of ours out of located nodes of somebody else's file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as Pairs
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from slo.diagnostic import Span
from slo.exact import decimal, number
from slo.importers.part import Part
from slo.importers.report import Report
from slo.names import ALERT_LABELS
from slo.policy import PolicyName, builtin
from slo.source import Entry, Mapping, Node, Scalar, Sequence

API_VERSION: Final = "fleetslo/v1"
RESERVED: Final = frozenset({*ALERT_LABELS, "alertname", "calendar", "timezone", "le"})
"""Labels that our alerts set themselves; the same as in the check of our own documents."""
_LONGEST: Final = 63


@dataclass(frozen=True, slots=True)
class Draft:
    """An SLO of ours before it is a document; what is None or empty is left out.

    Attributes:
        policy: A document of kind Policy that `alerting` names, where no shipped one fits.
    """

    name: Scalar
    service: Scalar
    objective: Scalar
    sli: Mapping
    title: Scalar | None = None
    description: Scalar | None = None
    labels: tuple[Entry, ...] = ()
    window: Node | None = None
    by: tuple[Scalar, ...] = ()
    alerting: Mapping | None = None
    policy: Mapping | None = None

    def document(self, owner: str = "") -> Mapping:
        """The document, owned by `owner` or by whom the settings say."""
        at = self.name.span
        labels = Mapping(self.labels, at) if self.labels else None
        metadata = {"name": self.name, "service": self.service, "title": self.title}
        spec: dict[str, Node | None] = {
            "description": self.description,
            "objective": self.objective,
            "window": self.window,
            "sli": self.sli,
            "by": Sequence(self.by, at) if self.by else None,
            "alerting": self.alerting,
            "owner": scalar(owner, at) if owner else None,
        }
        return mapping(
            at,
            {
                "apiVersion": scalar(API_VERSION, at),
                "kind": scalar("SLO", at),
                "metadata": mapping(at, {**metadata, "labels": labels}),
                "spec": mapping(at, spec),
            },
        )


def scalar(text: str, at: Span) -> Scalar:
    """A value that the file does not hold as such, placed where it comes from."""
    return Scalar(text, "str", quoted=True, span=at)


def mapping(at: Span, values: Pairs[str, Node | None]) -> Mapping:
    """A mapping of everything in `values` that is not None."""
    entries = (Entry(scalar(key, at), value) for key, value in values.items() if value is not None)
    return Mapping(tuple(entries), at)


def listed(at: Span, texts: Iterable[str]) -> Sequence:
    """A list of plain values."""
    return Sequence(tuple(scalar(text, at) for text in texts), at)


def named(given: Scalar, report: Report, what: str = "name") -> Scalar:
    """`given` as our names are spelt; what had to be changed is told."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", given.text.strip())
    fixed = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST].rstrip("-")
    if fixed == given.text or not fixed:
        return given
    report.changed(f"{what} {given.text!r} becomes {fixed!r}", given.span)
    return scalar(fixed, given.span)


def percent(given: Scalar, report: Report, scale: int = 1) -> Scalar:
    """`given` times `scale`, exact: 0.999 of 100 is ``99.9``."""
    try:
        value = number(given.text) * scale
    except ValueError:
        report.malformed(f"a share must be a number, got {given.text!r}", given.span)
        return scalar("99", given.span)
    return scalar(decimal(value), given.span)


def share(given: Scalar | None, report: Report) -> Fraction | None:
    """The number that stands there; None for nothing, and after it was reported."""
    if given is None:
        return None
    try:
        return number(given.text)
    except ValueError:
        report.malformed(f"a number is needed, got {given.text!r}", given.span)
        return None


def labels(part: Part | None, key: str = "labels") -> tuple[Entry, ...]:
    """The labels under `key`, spelt as Prometheus allows."""
    node = None if part is None else part.take(key)
    if part is None or node is None:
        return ()
    if not isinstance(node, Mapping):
        part.report.malformed(f"{key} must be a mapping", node.span)
        return ()
    found: dict[str, Entry] = {}
    for entry in node.entries:
        value = _single(entry.value)
        label = re.sub(r"[^a-zA-Z0-9_]", "_", entry.key.text)
        if value is None:
            part.report.lost(f"label {entry.key.text} is not one value", entry.key.span)
        elif label in RESERVED or label.startswith("__") or not re.match(r"[a-zA-Z_]", label):
            why = (
                "alerts set it themselves"
                if label in RESERVED
                else "Prometheus allows no such name"
            )
            text = f"label {entry.key.text} is not kept: {why}"
            part.report.lost(text, entry.key.span, "say it with owner, scope or another label")
        else:
            if label != entry.key.text:
                text = f"label {entry.key.text!r} becomes {label!r}"
                part.report.changed(text, entry.key.span)
            found[label] = Entry(scalar(label, entry.key.span), value)
    return tuple(found.values())


def merged(*sets: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """All labels, a later set before an earlier one."""
    return tuple({entry.key.text: entry for each in sets for entry in each}.values())


def alerting(at: Span, kept: frozenset[str], policy: PolicyName, form: str = "") -> Mapping:
    """The tiers `kept` of a shipped policy, at the first bad event."""
    shipped = builtin(policy)
    tiers = shipped.forms[form or shipped.default_form]
    off = [tier.name for tier in tiers if tier.name not in kept]
    return mapping(
        at,
        {
            "policy": scalar(policy, at),
            "form": scalar(form, at) if form else None,
            "off": listed(at, off) if off else None,
            "min_events": scalar("1", at),
        },
    )


def policy(at: Span, name: str, about: str, tiers: Iterable[Pairs[str, str]]) -> Mapping:
    """A document of kind Policy with one form; each tier as the format says it."""
    listed_tiers = tuple(
        mapping(at, {key: scalar(text, at) for key, text in tier.items()}) for tier in tiers
    )
    forms = mapping(at, {"windowed": Sequence(listed_tiers, at)})
    return mapping(
        at,
        {
            "apiVersion": scalar(API_VERSION, at),
            "kind": scalar("Policy", at),
            "metadata": mapping(at, {"name": scalar(name, at)}),
            "spec": mapping(at, {"description": scalar(about, at), "forms": forms}),
        },
    )


def named_by(policy: Mapping) -> Mapping:
    """What an SLO says under `alerting` to be alerted by `policy`, at the first bad event."""
    metadata = policy.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    return mapping(policy.span, {"policy": name, "min_events": scalar("1", policy.span)})


def _single(node: Node) -> Scalar | None:
    if isinstance(node, Sequence) and len(node.items) == 1:
        node = node.items[0]
    return node if isinstance(node, Scalar) and (node.quoted or node.tag != "null") else None
