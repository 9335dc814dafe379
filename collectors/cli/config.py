"""`collector validate` and `collector print-config`."""

from __future__ import annotations

from pathlib import Path

import click

from collectors.cli.given import config_option, read
from collectors.config.printing import printed


@click.command()
@config_option
def validate(paths: tuple[Path, ...]) -> None:
    """Check a configuration; every problem is told at once, exit code 1."""
    loaded = read(paths)
    pipelines = ", ".join(pipeline.name for pipeline in loaded.pipelines)
    click.echo(f"fine: {pipelines}")


@click.command("print-config")
@config_option
def print_config(paths: tuple[Path, ...]) -> None:
    """Print the configuration with every default, and mark where ours differ.

    References are replaced; the values of request headers are not shown.
    """
    click.echo(printed(read(paths)), nl=False)
