"""The command `collector`: its subcommands are imported when they are asked for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from functools import partial
from typing import Final

import click

from slo.cli.telling import told

_COMMANDS: Final = {
    "buffer": "collectors.cli.buffer:buffer",
    "components": "collectors.cli.components:components",
    "policy": "collectors.cli.policy:policy",
    "print-config": "collectors.cli.config:print_config",
    "run": "collectors.cli.run:run",
    "validate": "collectors.cli.config:validate",
    "why": "collectors.cli.why:why",
}
_SUMMARIES: Final = {
    "buffer": "Look into the logs of a data directory.",
    "components": "List the components that are installed.",
    "policy": "Try policies of tail sampling on what is in the inbox.",
    "print-config": "Print the configuration with every default.",
    "run": "Run the daemon.",
    "validate": "Check a configuration.",
    "why": "Explain what became of a trace.",
}


class _Lazy(click.Group):
    """A group that imports a subcommand when it is run or its own help is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(_COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        where = _COMMANDS.get(cmd_name)
        if where is None:
            return None
        module, _, name = where.partition(":")
        command: object = getattr(importlib.import_module(module), name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _SUMMARIES[name]) for name in self.list_commands(ctx)])


@click.command("collector", cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fleetslo", prog_name="collector")
def cli() -> None:
    """Take in telemetry, make it durable, reduce it, and send it on.

    Exit codes: 0 fine; 1 problems in the input, or something is in the way; 2 wrong usage;
    4 cannot tell.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script, by default with the arguments of the process; exits."""
    given = None if arguments is None else list(arguments)
    sys.exit(told(partial(cli.main, args=given, prog_name="collector", standalone_mode=False)))
