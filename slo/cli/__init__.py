"""`sloctl`: the only part of the compiler that touches files and speaks to people."""

from slo.cli.app import cli, main, run

__all__ = ["cli", "main", "run"]
