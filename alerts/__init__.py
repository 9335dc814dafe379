"""Operational alerts, Alertmanager routing, runbooks, game days."""
