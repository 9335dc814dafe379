"""The OpenTelemetry Collector's YAML, read into configurations that cannot be wrong."""
