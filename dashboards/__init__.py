"""Grafana dashboards for three readers: executive, on-call, debug."""
