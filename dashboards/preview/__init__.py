"""Dashboards on one static page, for those who review them without a Grafana at hand."""
