"""How Prometheus sees OTLP metrics: names, labels, kinds and values; for every component."""
