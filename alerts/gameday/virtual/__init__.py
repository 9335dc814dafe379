"""The same fleet in virtual time: hours of its telemetry in seconds, the same for the same seed."""
