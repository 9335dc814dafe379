"""Deterministic steps of a pipeline."""
