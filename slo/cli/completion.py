"""`sloctl completion`: the script that lets a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from slo.cli.state import FINE, Fault


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> int:
    """Print the completion script of SHELL: eval "$(sloctl completion bash)"."""
    found = get_completion_class(shell)
    if found is None:
        msg = f"no completion is known for {shell}"
        raise Fault(msg)
    root = ctx.find_root()
    click.echo(found(root.command, {}, "sloctl", "_SLOCTL_COMPLETE").source())
    return FINE


COMMAND = completion
