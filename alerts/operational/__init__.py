"""Operational alerts, teams and an example of maintenance, as documents that `sloctl init` copies."""
