"""The languages of the log and trace stores that a project may use.

Which store it is, is chosen when dashboards are generated (Settings `targets`); which
instance of it, by a variable of the dashboard. Logs carry the names that OpenTelemetry
gives them: Elasticsearch in its OTel mapping (`attributes.*`, `trace_id`), Loki as
structured metadata with dots turned into underscores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from dashboards.notation import Json
from slo.model import LogStore, TraceStore

TRACE_VARIABLE: Final = "trace_id"
SERVICE_VARIABLE: Final = "service"
_LINES: Final = 500
"""Log lines that a panel asks for at most."""
_TRACES: Final = 20


@dataclass(frozen=True, slots=True)
class Ask:
    """A query in a store's own language, as an entry of `targets`."""

    source: Json
    body: Json

    def to_json_data(self) -> Json:
        """The entry, complete."""
        return {"datasource": self.source, "refId": "A", **self.body}


class Logs(Protocol):
    """A log store."""

    @property
    def kind(self) -> str:
        """Grafana's plugin id."""
        ...

    def having(self, attribute: str) -> Ask:
        """Lines that carry `attribute`, an OpenTelemetry name."""
        ...

    def of_trace(self) -> Ask:
        """Lines of the trace that the variable names."""
        ...

    def errors(self) -> Ask:
        """Lines of severity ERROR or worse."""
        ...


class Traces(Protocol):
    """A trace store."""

    @property
    def kind(self) -> str:
        """Grafana's plugin id."""
        ...

    def one(self) -> Ask:
        """The trace that the variable names."""
        ...

    def failed(self) -> Ask:
        """Recent traces of the chosen service that hold an error."""
        ...


@dataclass(frozen=True, slots=True)
class Elasticsearch:
    """Lucene on the OTel mapping."""

    kind: str = "elasticsearch"

    def having(self, attribute: str) -> Ask:
        """Lines that carry `attribute`."""
        return self._lines(f"_exists_:attributes.{attribute}")

    def of_trace(self) -> Ask:
        """Lines of the trace that the variable names."""
        return self._lines(f'trace_id:"${TRACE_VARIABLE}"')

    def errors(self) -> Ask:
        """Lines of severity ERROR or worse; 17 is ERROR in OpenTelemetry's numbers."""
        return self._lines("severity_number:>=17")

    def _lines(self, lucene: str) -> Ask:
        return Ask(
            source_of(self.kind),
            {
                "bucketAggs": [],
                "metrics": [{"id": "1", "settings": {"limit": str(_LINES)}, "type": "logs"}],
                "query": lucene,
                "timeField": "@timestamp",
            },
        )


@dataclass(frozen=True, slots=True)
class Loki:
    """LogQL on what Loki's OTLP endpoint stores."""

    kind: str = "loki"

    def having(self, attribute: str) -> Ask:
        """Lines that carry `attribute`."""
        return self._lines(f'{{service_name=~".+"}} | {attribute.replace(".", "_")}!=""')

    def of_trace(self) -> Ask:
        """Lines of the trace that the variable names."""
        return self._lines(f'{{service_name=~".+"}} | trace_id="${TRACE_VARIABLE}"')

    def errors(self) -> Ask:
        """Lines of severity ERROR or worse."""
        return self._lines('{service_name=~".+"} | severity_number>=17')

    def _lines(self, logql: str) -> Ask:
        return Ask(
            source_of(self.kind),
            {"expr": logql, "maxLines": _LINES, "queryType": "range"},
        )


@dataclass(frozen=True, slots=True)
class Jaeger:
    """Jaeger's search."""

    kind: str = "jaeger"

    def one(self) -> Ask:
        """The trace that the variable names."""
        return Ask(source_of(self.kind), {"query": f"${TRACE_VARIABLE}"})

    def failed(self) -> Ask:
        """Recent traces of the chosen service that hold an error."""
        return Ask(
            source_of(self.kind),
            {
                "limit": _TRACES,
                "queryType": "search",
                "service": f"${SERVICE_VARIABLE}",
                "tags": "error=true",
            },
        )


@dataclass(frozen=True, slots=True)
class Tempo:
    """TraceQL."""

    kind: str = "tempo"

    def one(self) -> Ask:
        """The trace that the variable names."""
        return self._ask(f"${TRACE_VARIABLE}")

    def failed(self) -> Ask:
        """Recent traces of the chosen service that hold an error."""
        return self._ask(f'{{resource.service.name=~"${SERVICE_VARIABLE}" && status=error}}')

    def _ask(self, traceql: str) -> Ask:
        return Ask(
            source_of(self.kind),
            {
                "filters": [],
                "limit": _TRACES,
                "query": traceql,
                "queryType": "traceql",
                "tableType": "traces",
            },
        )


def source_of(kind: str) -> Json:
    """The data source of a store, its instance left to the variable."""
    return {"type": kind, "uid": f"${{{kind}_datasource}}"}


def logs_of(store: LogStore) -> Logs:
    """The log store that the project chose."""
    return Elasticsearch() if store is LogStore.ELASTICSEARCH else Loki()


def traces_of(store: TraceStore) -> Traces:
    """The trace store that the project chose."""
    return Jaeger() if store is TraceStore.JAEGER else Tempo()
