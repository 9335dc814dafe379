"""A `kind: Policy` document becomes a `Policy`; its mistakes are drawn where they stand.

Built-in policies come through the same door: they are documents in `slo/policy/data`.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import Final, TypeVar

from slo.diagnostic import Diagnostic, Level, Span
from slo.exact import Duration, Ratio, number
from slo.model import Severity, TierForm
from slo.policy.codes import MALFORMED
from slo.policy.model import Policy, PolicyName, TierTemplate
from slo.source import Mapping, Node, Scalar, Sequence, load

_DOCUMENT_KEYS: Final = ("apiVersion", "kind", "metadata", "spec")
_SPEC_KEYS: Final = ("description", "forms", "max_false_pages")
_TIER_KEYS: Final = (
    "name",
    "form",
    "severity",
    "burn",
    "long",
    "short",
    "hold",
    "keep_firing_for",
    "max_budget",
    "floor",
    "ceiling",
)
_FIVE_MINUTES: Final = Duration.parse("5m")
_T = TypeVar("_T")


@cache
def builtin(name: PolicyName) -> Policy:
    """A shipped policy."""
    file = f"{name}.yaml"
    text = resources.files("slo.policy").joinpath("data", file).read_text(encoding="utf-8")
    documents, problems = load(file, text)
    policy, more = read(documents[0])
    if policy is None or problems or more:
        msg = f"shipped policy {name} is broken: {[p.text for p in (*problems, *more)]}"
        raise AssertionError(msg)
    return policy


def read(document: Node) -> tuple[Policy | None, list[Diagnostic]]:
    """Read a whole `kind: Policy` document.

    Returns:
        The policy, or None when a problem leaves none; and every problem found.
    """
    reader = _Reader()
    policy = reader.document(document)
    return (None if reader.problems else policy), reader.problems


class _Reader:
    """Collects problems while it reads one document."""

    def __init__(self) -> None:
        self.problems: list[Diagnostic] = []

    def document(self, node: Node) -> Policy | None:
        top = self._mapping(node, _DOCUMENT_KEYS, "a policy")
        metadata = self._mapping(top.get("metadata") if top else None, ("name",), "metadata")
        spec = self._mapping(top.get("spec") if top else None, _SPEC_KEYS, "spec")
        if top is None or metadata is None or spec is None:
            self._missing(top, node)
            return None
        forms = self._mapping(spec.get("forms"), None, "forms")
        if forms is None or not forms.entries:
            self._say(spec.span, "a policy needs forms, each a list of tiers")
            return None
        return Policy(
            name=self._text(metadata, "name"),
            description=self._text(spec, "description", ""),
            forms={entry.key.text: self._tiers(entry.value) for entry in forms.entries},
            max_false_pages=self._optional(spec, "max_false_pages", number),
        )

    def _missing(self, top: Mapping | None, node: Node) -> None:
        if top is not None and not self.problems:
            self._say(node.span, "a policy needs metadata and spec")

    def _tiers(self, node: Node) -> tuple[TierTemplate, ...]:
        if not isinstance(node, Sequence) or not node.items:
            self._say(node.span, "a form must be a list of at least one tier")
            return ()
        found = [self._tier(item) for item in node.items]
        names = [template.name for template in found if template]
        for item, name in zip(node.items, names, strict=False):
            if names.count(name) > 1:
                self._say(item.span, f"a tier's name must be unique in its form, got {name} twice")
                break
        return tuple(template for template in found if template)

    def _tier(self, node: Node) -> TierTemplate | None:
        tier = self._mapping(node, _TIER_KEYS, "a tier")
        if tier is None:
            return None
        told = len(self.problems)
        template = TierTemplate(
            name=self._text(tier, "name"),
            form=self._value(tier, "form", TierForm, TierForm.WINDOWS),
            severity=self._value(tier, "severity", Severity, Severity.TICKET),
            burn=self._value(tier, "burn", number, Fraction(1)),
            long=self._optional(tier, "long", Duration.parse) or _FIVE_MINUTES,
            short=self._optional(tier, "short", Duration.parse),
            hold=self._optional(tier, "hold", Duration.parse) or Duration(0),
            keep_firing_for=self._optional(tier, "keep_firing_for", Duration.parse) or Duration(0),
            max_budget=self._optional(tier, "max_budget", Ratio.from_percent),
            floor=self._optional(tier, "floor", Ratio.from_percent) or Ratio(Fraction(0)),
            ceiling=self._optional(tier, "ceiling", Ratio.from_percent) or Ratio(Fraction(1)),
        )
        if len(self.problems) == told:
            self._judge(template, tier.span)
        return template

    def _judge(self, template: TierTemplate, place: Span) -> None:
        """What no alert can be made of, beyond the single values."""
        if template.burn <= 0:
            self._say(place, f"burn must be above 0, got {template.burn}")
        if template.form is TierForm.WINDOWS and template.short is None:
            self._say(place, "a tier of form windows needs long and short")
        if template.form is not TierForm.WINDOWS and template.short is not None:
            self._say(place, f"a tier of form {template.form} has no short window")
        if template.short is not None and template.short >= template.long:
            self._say(place, "short must be below long")
        if template.form is TierForm.SUSTAINED and template.hold.ms == 0:
            self._say(place, "a tier of form sustained needs hold")
        wide = template.form in {TierForm.WINDOWS, TierForm.WINDOW}
        if not wide and template.long != _FIVE_MINUTES:
            self._say(place, f"a tier of form {template.form} looks at 5m, got another long")

    def _mapping(
        self, node: Node | None, keys: tuple[str, ...] | None, what: str
    ) -> Mapping | None:
        if node is None:
            return None
        if not isinstance(node, Mapping):
            self._say(node.span, f"{what} must be a mapping")
            return None
        for entry in node.entries:
            if keys is not None and entry.key.text not in keys:
                allowed = ", ".join(keys)
                self._say(
                    entry.key.span, f"{what} has no key {entry.key.text}, allowed are {allowed}"
                )
        return node

    def _text(self, mapping: Mapping, key: str, default: str | None = None) -> str:
        node = mapping.get(key)
        if isinstance(node, Scalar) and node.text:
            return node.text
        if node is None and default is not None:
            return default
        self._say(node.span if node else mapping.span, f"{key} must be a text")
        return ""

    def _value(self, mapping: Mapping, key: str, parse: Callable[[str], _T], default: _T) -> _T:
        found = self._optional(mapping, key, parse)
        if found is None and mapping.get(key) is None:
            self._say(mapping.span, f"a tier needs {key}")
        return default if found is None else found

    def _optional(self, mapping: Mapping, key: str, parse: Callable[[str], _T]) -> _T | None:
        node = mapping.get(key)
        if node is None:
            return None
        if not isinstance(node, Scalar):
            self._say(node.span, f"{key} must be a single value")
            return None
        try:
            return parse(node.text)
        except ValueError as error:
            self._say(node.span, f"{key}: {error}")
            return None

    def _say(self, place: Span, text: str) -> None:
        self.problems.append(Diagnostic(MALFORMED, Level.ERROR, text, place))
