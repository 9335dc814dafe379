"""What the documents of one run know of each other while they are read."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

from slo.diagnostic import Span
from slo.model import Settings, Slo
from slo.policy import Plan, Policy
from slo.source import Mapping, Scalar
from slo.spec.fields import Fields
from slo.spec.problems import Problems, nearest


def nothing_at_hand(path: str) -> str:
    """What a run without a file system reads.

    Raises:
        FileNotFoundError: Always.
    """
    raise FileNotFoundError(2, "no such file or directory", path)


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a kind of ours.

    Attributes:
        name: `metadata.name`; empty where it is missing.
        place: Where the name stands, else where the document starts.
        sound: Every value has the form that it must have.
    """

    kind: str
    name: str
    place: Span
    node: Mapping
    sound: bool = True

    @property
    def metadata(self) -> Fields:
        """Who it is."""
        return Fields.of(self.node.get("metadata"), self.place)

    @property
    def spec(self) -> Fields:
        """What it says."""
        return Fields.of(self.node.get("spec"), self.place)


@dataclass(slots=True)
class Context:
    """The run so far.

    Attributes:
        settings: What holds for all documents.
        policies: The user's own, by name.
        broken_policies: Names of those that could not be read, and are not reported again.
        classes: `kind: Class` documents by name.
        teams: Names of all teams, broken documents included.
        slo_ids: Ids of all SLOs, with the name alone beside them.
        slos: Those that were read so far, by id.
        alerts: Names of all alerts.
        unclear: Names of documents whose kind is not known: they may be anything.
        open_text: Reads a file that a document names; raises OSError or UnicodeDecodeError.
        plans: The tiers that were made so far, by all that they were made of.
    """

    problems: Problems
    settings: Settings = field(default_factory=Settings)
    policies: dict[str, Policy] = field(default_factory=dict[str, Policy])
    broken_policies: frozenset[str] = frozenset()
    classes: dict[str, Document] = field(default_factory=dict[str, Document])
    teams: frozenset[str] = frozenset()
    slo_ids: dict[str, str] = field(default_factory=dict[str, str])
    slos: dict[str, Slo] = field(default_factory=dict[str, Slo])
    alerts: frozenset[str] = frozenset()
    unclear: frozenset[str] = frozenset()
    open_text: Callable[[str], str] = nothing_at_hand
    plans: dict[Hashable, Plan] = field(default_factory=dict[Hashable, Plan])

    def team(self, fields: Fields, key: str, document: Document) -> str:
        """The team that `key` names, by default that of the settings; it must exist."""
        name = fields.text(key)
        if not fields.has(key):
            name = self.settings.default_owner
            if not name:
                text = f"{document.name} has no {key}"
                hint = "name a Team, or set defaults.owner in Settings"
                self.problems.error("SLO011", text, document.place, hint)
                return ""
        if fields.has(key):
            # A default that does not exist is reported once, where it stands.
            self.check_team(name, fields.place(key))
        return name

    def check_team(self, name: str, place: Span) -> None:
        """Report `name` where no team is called so."""
        if name and name not in self.teams:
            self._unknown("Team", name, place, self.teams)

    def teams_named(self, fields: Fields, key: str) -> tuple[str, ...]:
        """The teams that the list under `key` names; each must exist."""
        for scalar in fields.scalars(key):
            self.check_team(scalar.text.strip(), scalar.span)
        return fields.texts(key)

    def causes(self, fields: Fields, key: str, service: str) -> tuple[str, ...]:
        """Ids of the SLOs and names of the alerts that the list under `key` means, sorted."""
        found = (self._cause(scalar, service) for scalar in fields.scalars(key))
        return tuple(sorted({name for name in found if name}))

    def slo(self, scalar: Scalar, service: str = "") -> str:
        """The id of the SLO that `scalar` means, by id or by a name that only one has."""
        text = scalar.text.strip()
        local = f"{service}-{text}"
        if text in self.slo_ids:
            return text
        if local in self.slo_ids:
            return local
        named = [slo_id for slo_id, name in self.slo_ids.items() if name == text]
        if len(named) == 1:
            return named[0]
        if named:
            text = f"{text!r} may mean {', '.join(sorted(named))}"
            self.problems.error("SLO021", text, scalar.span, "write the id: <service>-<name>")
        else:
            self._unknown("SLO", text, scalar.span, self.slo_ids)
        return ""

    def _cause(self, scalar: Scalar, service: str) -> str:
        text = scalar.text.strip()
        if text in self.alerts:
            return text
        known = {*self.slo_ids, *self.slo_ids.values()}
        if text in known or f"{service}-{text}" in known:
            return self.slo(scalar, service)
        self._unknown("SLO or Alert", text, scalar.span, {*self.slo_ids, *self.alerts})
        return ""

    def _unknown(self, what: str, name: str, place: Span, known: Iterable[str]) -> None:
        if name in self.unclear:
            return
        text = f"no {what} is called {name!r}"
        missing = f"add a document for the {what}, or name the file that holds it too"
        hint = nearest(name, known)
        hint = hint if hint.endswith("?") else f"{hint}; {missing}" if hint else missing
        self.problems.error("SLO021", text, place, hint)
