"""The command `collector`."""

from collectors.cli.main import cli, main

__all__ = ["cli", "main"]
