"""Sinks: those that send, and those that are looked at."""
