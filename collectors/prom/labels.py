"""Labels: from OTLP attributes to the text between the braces.

Source: OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility", metric
attributes and resource attributes; Prometheus, "Exposition formats".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from collectors.prom.naming import ResourceLabelsConfig
from slo.catalog.naming import prometheus_label

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

TARGET_INFO: Final = "target_info"
_IDENTITY: Final = frozenset({"service.name", "service.namespace", "service.instance.id"})
_ALLOWED: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_ALLOWED: Final = re.compile(r"[^A-Za-z0-9_]")
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


@dataclass(frozen=True, slots=True)
class Target:
    """A resource as Prometheus sees it.

    Attributes:
        identity: `job` and `instance`, as far as it has them.
        promoted: The labels that the user wants on every series.
        info: The whole label text of its `target_info`; empty where it has none.
    """

    identity: Mapping[str, str]
    promoted: Mapping[str, str]
    info: str

    @property
    def key(self) -> str:
        """The identity as label text: what tells two targets apart."""
        return render(self.identity)


def target(resource: Resource, wanted: ResourceLabelsConfig) -> Target:
    """What `resource` is to Prometheus."""
    values = {item.key: text_of(item.value) for item in resource.attributes}
    identity: dict[str, str] = {}
    if name := values.get("service.name"):
        namespace = values.get("service.namespace")
        identity["job"] = f"{namespace}/{name}" if namespace else name
    if instance := values.get("service.instance.id"):
        identity["instance"] = instance
    details = resource_labels(resource)
    promoted = label_values(item for item in resource.attributes if wanted.wants(item.key))
    info = render({**details, **identity}) if identity and details else ""
    return Target(identity, promoted, info)


def resource_labels(resource: Resource) -> dict[str, str]:
    """The attributes of a resource as labels, without those that `job` and `instance` say."""
    return label_values(item for item in resource.attributes if item.key not in _IDENTITY)


def scope_labels(scope: InstrumentationScope) -> dict[str, str]:
    """The `otel_scope_*` labels of a scope."""
    labels = {f"otel_scope_{name}": value for name, value in label_values(scope.attributes).items()}
    if scope.name:
        labels["otel_scope_name"] = scope.name
    if scope.version:
        labels["otel_scope_version"] = scope.version
    return labels


def label_values(attributes: Iterable[KeyValue]) -> dict[str, str]:
    """Label names and values; where keys become one name, values are joined in key order."""
    labels: dict[str, str] = {}
    joined: dict[str, dict[str, str]] = {}
    for item in attributes:
        name = _name(item.key)
        value = text_of(item.value)
        if name in labels:
            joined[name][item.key] = value
            labels[name] = ";".join(joined[name][key] for key in sorted(joined[name]))
        else:
            joined[name] = {item.key: value}
            labels[name] = value
    return labels


def _name(key: str) -> str:
    """The label of an attribute. What begins with two underscores is Prometheus's own."""
    name = prometheus_label(key)
    if name.startswith("__") or not _ALLOWED.fullmatch(name):
        return f"key_{_NOT_ALLOWED.sub('_', name)}"
    return name


def render(labels: Mapping[str, str]) -> str:
    """``a="1",b="2"`` in the order of the names; an empty value is no label at all."""
    return ",".join(
        f'{name}="{labels[name].translate(_ESCAPES)}"' for name in sorted(labels) if labels[name]
    )


def text_of(value: AnyValue) -> str:
    """An attribute value as a label value: text as it is, everything else as JSON."""
    if value.HasField("string_value"):
        return value.string_value
    plain = _plain(value)
    return "" if plain is None else json.dumps(plain, separators=(",", ":"), ensure_ascii=False)


def _plain(value: AnyValue) -> Json:  # noqa: PLR0911 - one line for each kind of value
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "int_value":
            return value.int_value
        case "double_value":
            return value.double_value
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "array_value":
            return [_plain(item) for item in value.array_value.values]
        case "kvlist_value":
            return {item.key: _plain(item.value) for item in value.kvlist_value.values}
        case _:
            return None
