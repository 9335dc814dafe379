"""The command `collector`."""

from collectors.cli.main import main

__all__ = ["main"]
