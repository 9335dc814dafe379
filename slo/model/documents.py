"""What the user's files say, resolved: defaults filled in, references checked, numbers exact.

Values here are made by `slo.spec` only, after every check has passed. Whoever holds one
may rely on it: an owner exists, an expression parses, a tier can fire.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from slo.diagnostic import Span
from slo.exact import Duration, Ratio
from slo.model.people import Maintenance, Severity, SeverityWords, Team


class Scope(StrEnum):
    """What an alert speaks about; a service inhibits its agents, the pipeline both."""

    SERVICE = "service"
    AGENT = "agent"
    PIPELINE = "pipeline"


class SliKind(StrEnum):
    """How an SLI is stated in the file."""

    EVENTS = "events"
    LATENCY = "latency"
    GAUGE = "gauge"
    RATIO = "ratio"
    SPANS = "spans"
    COMPOSITE = "composite"


class TierForm(StrEnum):
    """How a tier decides.

    WINDOWS: the burn over the long and the short window are both above the threshold.
    WINDOW: the burn over the one long window is above the threshold; it ends when that is over.
    SUSTAINED: the burn over 5 minutes has been above the threshold for all of `hold`.
    OUTAGE: the error ratio over 5 minutes is above the threshold.
    """

    WINDOWS = "windows"
    WINDOW = "window"
    SUSTAINED = "sustained"
    OUTAGE = "outage"


@dataclass(frozen=True, slots=True)
class Rolling:
    """A window that ends now."""

    length: Duration


@dataclass(frozen=True, slots=True)
class Calendar:
    """A window that starts at a boundary of the calendar.

    Attributes:
        period: One of week, month, quarter, year.
        timezone: IANA name.
    """

    period: str
    timezone: str


@dataclass(frozen=True, slots=True)
class SpansMatch:
    """An SLI that the collector counts on spans, before any sampling.

    Attributes:
        labels: For each `by` label of the SLO the attribute that it is made of.
        values: Label values that are told at zero before the first such event.
    """

    service: str
    span_name: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    bad_status: bool = True
    bad_attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    bad_above: Duration | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


@dataclass(frozen=True, slots=True)
class Sli:
    """Good and bad events, as two PromQL templates.

    Attributes:
        kind: How the file states it.
        errors: Bad events per second, ``$window`` in place of the duration. The labels of
            its result are exactly the SLO's `by` labels.
        total: All events per second, likewise.
        spans: What the collector counts, for `SliKind.SPANS` only.
    """

    kind: SliKind
    errors: str
    total: str
    spans: SpansMatch | None = None


@dataclass(frozen=True, slots=True)
class Tier:
    """One burn alert of an SLO, feasible by construction.

    Attributes:
        name: Value of the label `slo_tier`: outage, fast, slow, trend, drift, page, ticket.
        form: How it decides.
        severity: Page or ticket.
        burn: Budgets per SLO period, above 0; for OUTAGE the threshold over the budget.
        threshold: Bad events per event above which it fires, below 1.
        long: Long window; for SUSTAINED and OUTAGE the one that is looked at: 5 minutes,
            more where those hold too few scrapes.
        short: Short window, for WINDOWS only.
        hold: The rule's `for`; zero for none.
        keep_firing_for: Hysteresis; zero for none.
        min_bad_events: Bad events in the long window below which it stays silent; for
            SUSTAINED the pace that reaches them within `hold`.
    """

    name: str
    form: TierForm
    severity: Severity
    burn: Fraction
    threshold: Ratio
    long: Duration
    short: Duration | None
    hold: Duration
    keep_firing_for: Duration
    min_bad_events: Fraction

    def __hash__(self) -> int:
        """Of what tells tiers apart as a rule: exact numbers take their time to hash."""
        return hash((self.name, self.threshold.value.numerator, self.long.ms))


@dataclass(frozen=True, slots=True)
class Alerting:
    """How an SLO alerts.

    Attributes:
        idle: What it means when traffic falls to zero: ok, ticket or page.
        signal_lost: What it means when nothing is measured any more: ok, ticket or page.
        changed: What of its policy had to be repaired or left out, a sentence each.
    """

    policy: str
    tiers: tuple[Tier, ...]
    idle: str
    depends_on: tuple[str, ...]
    changed: tuple[str, ...] = ()
    signal_lost: str = "ticket"


@dataclass(frozen=True, slots=True)
class Slo:
    """One objective on one SLI over one window.

    Attributes:
        slo_id: ``<service>-<name>``; unique in a project.
        catalog_id: The guide's row (M1 to M10) where the SLO comes from it, else empty.
        excluded: Spans that its budget leaves out: first and last second since 1970, ascending.
    """

    slo_id: str
    name: str
    service: str
    title: str
    description: str
    objective: Ratio
    window: Rolling | Calendar
    sli: Sli
    by: tuple[str, ...]
    alerting: Alerting
    owner: str
    labels: Mapping[str, str]
    events_per_second: Fraction | None
    scope: Scope
    root_cause: str
    catalog_id: str
    place: Span
    excluded: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Escalation:
    """When the first responder is not enough: the condition in words and as PromQL."""

    when: str
    team: str
    expr: str = ""
    hold: Duration = field(default_factory=lambda: Duration(0))


@dataclass(frozen=True, slots=True)
class Runbook:
    """What the woken person does first, and whom they call."""

    meaning: str = ""
    impact: str = ""
    triage: tuple[str, ...] = ()
    mitigation: tuple[str, ...] = ()
    escalation: Escalation | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """An operational alert: a condition that is not an error budget.

    Attributes:
        name: CamelCase; the alert's name in Prometheus.
        title: As the runbook writes it: ``High Message Queue Latency``.
        by: Labels that the expression's result carries.
        root_cause: What notifications are grouped by; shared by alerts of one cause.
        catalog_id: R1 to R4, F1 to F5 or a signal of our own; empty for a user's alert.
    """

    name: str
    title: str
    service: str
    expr: str
    hold: Duration
    keep_firing_for: Duration
    severity: Severity
    owner: str
    scope: Scope
    by: tuple[str, ...]
    depends_on: tuple[str, ...]
    runbook: Runbook
    summary: str
    description: str
    root_cause: str
    catalog_id: str
    labels: Mapping[str, str]
    place: Span


class LogStore(StrEnum):
    """Where logs are searched."""

    ELASTICSEARCH = "elasticsearch"
    LOKI = "loki"


class TraceStore(StrEnum):
    """Where traces are searched."""

    JAEGER = "jaeger"
    TEMPO = "tempo"


@dataclass(frozen=True, slots=True)
class Urls:
    """Where things are found by a person who got an alert; without trailing slash."""

    runbooks: str = "http://127.0.0.1:8085/runbooks"
    grafana: str = "http://127.0.0.1:3000"
    prometheus: str = "http://127.0.0.1:9090"
    alertmanager: str = "http://127.0.0.1:9093"


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often things happen: scrapes, fast rule groups, slow rule groups (at most 4 min)."""

    scrape: Duration = field(default_factory=lambda: Duration.seconds(15))
    fast: Duration = field(default_factory=lambda: Duration.seconds(30))
    slow: Duration = field(default_factory=lambda: Duration.seconds(120))


@dataclass(frozen=True, slots=True)
class UserFile:
    """A file of the user's own that goes into the output, as it stands.

    Attributes:
        path: As the user would name it.
        place: Where it is asked for; the file's own first line where nobody names it.
    """

    path: str
    text: str
    place: Span

    @property
    def name(self) -> str:
        """Without folders: the same from wherever a run is started."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Base:
    """The user's own configurations; our parts are inserted there, the rest is kept."""

    alertmanager: UserFile | None = None
    prometheus: UserFile | None = None
    collector: UserFile | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for the whole project (`kind: Settings`, at most one)."""

    urls: Urls = field(default_factory=Urls)
    intervals: Intervals = field(default_factory=Intervals)
    external_labels: Mapping[str, str] = field(default_factory=dict[str, str])
    logs: LogStore = LogStore.ELASTICSEARCH
    traces: TraceStore = TraceStore.JAEGER
    alertmanager_version: tuple[int, int] = (0, 25)
    default_owner: str = ""
    default_policy: str = "sre-multiwindow"
    default_window: Duration = field(default_factory=lambda: Duration.parse("30d"))
    severities: SeverityWords = field(default_factory=SeverityWords)
    base: Base = field(default_factory=Base)


@dataclass(frozen=True, slots=True)
class Project:
    """All documents of a run, each sorted by its id or name.

    Attributes:
        handwritten: Parts of runbooks that people wrote, by the name of the alert.
    """

    slos: tuple[Slo, ...]
    alerts: tuple[Alert, ...]
    teams: tuple[Team, ...]
    maintenance: tuple[Maintenance, ...]
    settings: Settings
    handwritten: Mapping[str, UserFile] = field(default_factory=dict[str, UserFile])
