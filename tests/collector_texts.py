"""A collector's configuration as text, read as people wrote it."""

from __future__ import annotations

from collections.abc import Mapping

from collectors.config.load import Text, load
from collectors.config.model import Loaded
from collectors.config.registry import Registry
from collectors.config.tree import Surroundings
from slo.diagnostic import Diagnostic

REGISTRY = Registry.installed()
GOOD = """\
receivers:
  otlp:
    protocols:
      grpc:
      http: {endpoint: "127.0.0.1:0"}
processors:
  batch: {timeout: 1s, send_batch_size: 100, send_batch_max_size: 200}
exporters:
  otlphttp: {endpoint: "http://127.0.0.1:9/"}
  debug:
service:
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [otlphttp, debug]}
"""


def no_files(path: str) -> str:
    raise FileNotFoundError(2, "No such file or directory", path)


def read(
    *texts: str,
    environment: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
) -> tuple[Loaded | None, list[Diagnostic]]:
    contents = files or {}
    around = Surroundings(
        environment or {}, lambda path: contents[path] if path in contents else no_files(path)
    )
    named = [Text(f"{index}.yaml", text) for index, text in enumerate(texts)]
    return load(named, around, REGISTRY)


def with_line(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


FORWARD = """\
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
processors: {memory_limiter: {limit_mib: 100}, batch: {}}
exporters: {debug: {}}
connectors: {forward: {}}
service:
  pipelines:
    traces/in: {receivers: [otlp], exporters: [forward]}
    traces/out: {receivers: [forward], exporters: [debug]}
"""
