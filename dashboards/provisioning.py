"""What Grafana reads at its start: where the dashboards lie, and which data sources there are."""

from __future__ import annotations

from typing import Final

import yaml

from dashboards.notation import Json, JsonValue
from slo.exact import Duration
from slo.model import LogStore, Settings, TraceStore

FOLDER: Final = "Fleet SLOs"
_STORE_URLS: Final = {
    "elasticsearch": "http://127.0.0.1:9200",
    "loki": "http://127.0.0.1:3100",
    "jaeger": "http://127.0.0.1:16686",
    "tempo": "http://127.0.0.1:3200",
}
"""Where each store listens unless told otherwise; edit the provisioned file for yours."""
_LOG_INDEX: Final = "logs-*"


def dashboards_text() -> str:
    """The provider: every JSON file below the folder, none editable in the browser."""
    return _yaml(
        {
            "apiVersion": 1,
            "providers": [
                {
                    "name": "fleetslo",
                    "type": "file",
                    "folder": FOLDER,
                    "allowUiUpdates": False,
                    "disableDeletion": True,
                    "updateIntervalSeconds": 30,
                    "options": {
                        "path": "/var/lib/grafana/dashboards/fleetslo",
                        "foldersFromFilesStructure": False,
                    },
                }
            ],
        }
    )


def datasources_text(settings: Settings) -> str:
    """Prometheus, the log store and the trace store, linked to each other by trace id."""
    return _yaml(
        {
            "apiVersion": 1,
            "datasources": [_prometheus(settings), _logs(settings), _traces(settings)],
        }
    )


def _prometheus(settings: Settings) -> Json:
    interval: Duration = settings.intervals.scrape
    return {
        "name": "Prometheus",
        "uid": "fleetslo-prometheus",
        "type": "prometheus",
        "access": "proxy",
        "url": settings.urls.prometheus,
        "isDefault": True,
        "jsonData": {
            "httpMethod": "POST",
            "timeInterval": interval.promql(),
            "exemplarTraceIdDestinations": [
                {"name": "trace_id", "datasourceUid": f"fleetslo-{settings.traces.value}"}
            ],
        },
    }


def _logs(settings: Settings) -> Json:
    store = settings.logs.value
    to_trace: Json = {"datasourceUid": f"fleetslo-{settings.traces.value}"}
    data: Json
    if settings.logs is LogStore.ELASTICSEARCH:
        data = {
            "index": _LOG_INDEX,
            "timeField": "@timestamp",
            "logMessageField": "body.text",
            "logLevelField": "severity_text",
            "dataLinks": [{"field": "^trace_id$", "url": "$${__value.raw}", **to_trace}],
        }
    else:
        data = {
            "derivedFields": [
                {
                    "name": "trace_id",
                    "matcherType": "label",
                    "matcherRegex": "trace_id",
                    "url": "$${__value.raw}",
                    **to_trace,
                }
            ]
        }
    return {
        "name": store.capitalize(),
        "uid": f"fleetslo-{store}",
        "type": store,
        "access": "proxy",
        "url": _STORE_URLS[store],
        "jsonData": data,
    }


def _traces(settings: Settings) -> Json:
    store = settings.traces.value
    query = (
        'trace_id:"$${__trace.traceId}"'
        if settings.logs is LogStore.ELASTICSEARCH
        else '{service_name=~".+"} | trace_id="$${__trace.traceId}"'
    )
    data: Json = {
        "tracesToLogsV2": {
            "datasourceUid": f"fleetslo-{settings.logs.value}",
            "customQuery": True,
            "query": query,
            "spanStartTimeShift": "-5m",
            "spanEndTimeShift": "5m",
        }
    }
    if settings.traces is TraceStore.TEMPO:
        data |= {"serviceMap": {"datasourceUid": "fleetslo-prometheus"}}
    return {
        "name": store.capitalize(),
        "uid": f"fleetslo-{store}",
        "type": store,
        "access": "proxy",
        "url": _STORE_URLS[store],
        "jsonData": data,
    }


def _yaml(value: JsonValue) -> str:
    text: str = yaml.safe_dump(value, sort_keys=True, allow_unicode=True, width=120)
    return text
