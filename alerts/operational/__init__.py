"""Operational alerts, teams and an example of maintenance: what `sloctl init` copies."""
