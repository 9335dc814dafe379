"""Proofs of a generated tree: with Prometheus' own tool, and of its links."""
