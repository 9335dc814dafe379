"""What a policy is: tiers as they stand in its file, before an objective makes them numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from slo.diagnostic import Level
from slo.exact import Duration, Ratio
from slo.model import Severity, Tier, TierForm

AUTO_MIN_EVENTS = Fraction(10)
"""Bad events below which nobody is woken when the file says `auto`."""


class PolicyName(StrEnum):
    """The policies that are shipped."""

    SRE_MULTIWINDOW = "sre-multiwindow"
    FLEET_SUSTAINED = "fleet-sustained"
    BUDGET_AWARE = "budget-aware"


@dataclass(frozen=True, slots=True)
class TierTemplate:
    """A tier as the policy states it.

    Attributes:
        name: Value of the label `slo_tier`; unique in a form of a policy.
        burn: Budgets per SLO period, above 0; for OUTAGE the burn below which no outage starts.
        long: Long window; for SUSTAINED and OUTAGE the 5 minutes that are looked at.
        short: For WINDOWS only.
        hold: The rule's `for`; zero for none.
        keep_firing_for: Hysteresis; zero for none.
        max_budget: Share of the period's budget that may be gone when it fires. On short
            periods the burn is lowered to keep it, and the tier left out below a burn of 1.
            None leaves the burn alone.
        floor: OUTAGE only: the threshold is at least this.
        ceiling: OUTAGE only: left out when the threshold is above this.
    """

    name: str
    form: TierForm
    severity: Severity
    burn: Fraction
    long: Duration
    short: Duration | None
    hold: Duration
    keep_firing_for: Duration
    max_budget: Ratio | None
    floor: Ratio
    ceiling: Ratio


@dataclass(frozen=True, slots=True)
class Policy:
    """When to wake whom, for any objective.

    Attributes:
        forms: Tiers, fastest first, by the name of the form; the first form is the default.
        max_false_pages: Pages a month that chance alone may cause on a service that spends
            exactly its budget. Minimum events are derived from it and from the traffic;
            None takes `AUTO_MIN_EVENTS`.
    """

    name: str
    description: str
    forms: Mapping[str, tuple[TierTemplate, ...]]
    max_false_pages: Fraction | None = None

    @property
    def default_form(self) -> str:
        """The form that is taken when the SLO names none."""
        return next(iter(self.forms))


@dataclass(frozen=True, slots=True)
class TierChange:
    """What an SLO wants otherwise in one tier of its policy; None leaves it alone."""

    name: str | None = None
    hold: Duration | None = None
    keep_firing_for: Duration | None = None


@dataclass(frozen=True, slots=True)
class PolicyOptions:
    """What an SLO says about its policy, under `alerting`.

    Attributes:
        form: A key of `Policy.forms`; empty takes the default.
        severities: Tiers of other severities are left out without a word.
        off: Names of tiers that are switched off.
        min_events: Bad events in a tier's window below which it stays silent; None is auto.
        changes: By the name of the tier in the policy.
    """

    form: str = ""
    severities: frozenset[Severity] = frozenset(Severity)
    off: frozenset[str] = frozenset()
    min_events: Fraction | None = None
    changes: Mapping[str, TierChange] = field(default_factory=dict[str, TierChange])


@dataclass(frozen=True, slots=True)
class Note:
    """What became of a tier that could not be taken as stated.

    Attributes:
        code: A key of `slo.policy.CODES`.
        tier: Its name; empty when the whole SLO is meant.
    """

    code: str
    level: Level
    tier: str
    text: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The tiers of one SLO, fastest first, each able to fire, and what had to be changed."""

    tiers: tuple[Tier, ...]
    notes: tuple[Note, ...]
