"""The command `sloctl`: names its subcommands, and loads only the one that is called."""

from __future__ import annotations

import ast
import importlib
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

from slo.cli.state import BUG, State
from slo.cli.telling import told

# name: (module, what it does). Modules are imported when the command is called, so that
# help and completion stay fast.
_BUILT_IN: Final = {
    "init": ("slo.cli.init", "Write starter files: SLOs, alerts, teams, collector."),
    "validate": ("slo.cli.validate", "Check files, and report every problem at once."),
    "generate": ("slo.cli.generate", "Write rules, tests, dashboards, routes and runbooks."),
    "verify": ("slo.cli.verify", "Prove what was generated with the real tools."),
    "explain": ("slo.cli.explain", "Explain an SLO's alerts, or a message's code."),
    "convert": ("slo.cli.convert", "Make files of sloth, pyrra or OpenSLO ours."),
    "diff": ("slo.cli.diff", "Tell what a change of the files means."),
    "backtest": ("slo.cli.backtest", "Replay a past: which alerts would have fired, and when."),
    "backfill": ("slo.cli.backfill", "Record the past of new rules from what Prometheus holds."),
    "status": ("slo.cli.status", "Show budget left, burn and end of budget, for every SLO."),
    "gate": ("slo.cli.gate", "Pass or stop a deploy by the budget that is left."),
    "catalog": ("slo.cli.catalog", "Show the built-in catalogue."),
    "schema": ("slo.cli.schema", "Print the JSON Schema of the files, for editors."),
    "completion": ("slo.cli.completion", "Print the completion script of a shell."),
}
_GROUP: Final = "sloctl.commands"
_HOW_MUCH: Final = (
    ("q", "quiet", "Say nothing but problems."),
    ("v", "verbose", "Say more: notices, and each file written."),
)


class LazyGroup(click.Group):
    """A group whose commands are imported one by one; plug-ins stand beside ours."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, ours first."""
        del ctx
        return [*_BUILT_IN, *sorted(entry.name for entry in _plugins())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command `cmd_name`; None where there is none."""
        del ctx
        known = _BUILT_IN.get(cmd_name)
        if known is not None:
            found: object = importlib.import_module(known[0]).COMMAND
        else:
            entry = next((each for each in _plugins() if each.name == cmd_name), None)
            found = None if entry is None else entry.load()
        return _speaking(found) if isinstance(found, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any of them."""
        del ctx
        rows = [(name, text) for name, (_, text) in _BUILT_IN.items()]
        rows += sorted((entry.name, _first_words(entry)) for entry in _plugins())
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _speaking(command: click.Command) -> click.Command:
    """`command`, which takes -q and -v as well: people write them last."""
    taken = {option for param in command.params for option in param.opts}
    for short, name, text in _HOW_MUCH:
        if not taken & {f"-{short}", f"--{name}"}:
            option = click.Option(
                [f"-{short}", f"--{name}"],
                is_flag=True,
                expose_value=False,
                callback=_how_much,
                help=text,
            )
            command.params.append(option)
    return command


def _how_much(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and isinstance(ctx.obj, State):
        ctx.obj = replace(ctx.obj, **{str(param.name): True})


def _plugins() -> Iterator[EntryPoint]:
    """Commands of other rooms and of other distributions; ours cannot be replaced."""
    return (entry for entry in entry_points(group=_GROUP) if entry.name not in _BUILT_IN)


def _first_words(entry: EntryPoint) -> str:
    """The first line of a command's docstring, read from its source and not by import."""
    top, *rest = entry.module.split(".")
    try:
        spec = find_spec(top)
        folder = Path((spec.submodule_search_locations or [""])[0]) if spec else Path()
        path = folder.joinpath(*rest)
        source = (
            path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
        )
        tree = ast.parse(source.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError, IndexError):
        return ""
    command = (
        each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == entry.attr
    )
    return (ast.get_docstring(next(command, tree)) or "").partition("\n")[0]


def _show_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version  # noqa: PLC0415 - needed here only

        click.echo(f"sloctl {version('fleetslo')}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but problems.")
@click.option("-v", "--verbose", is_flag=True, help="Say more: notices, and each file written.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Print the version.",
)
@click.pass_context
def cli(ctx: click.Context, quiet: bool, verbose: bool) -> None:
    """From SLO files to rules, alerts, tests, dashboards, routes and runbooks.

    Exit codes: 0 fine; 1 problems in the input, or a proof failed; 2 wrong usage;
    3 a bug of sloctl; 4 cannot tell (a tool or a server is missing).
    """
    ctx.obj = State(quiet=quiet, verbose=verbose)


def run(arguments: Sequence[str]) -> int:
    """Run `sloctl` with `arguments`; the exit code."""
    call = partial(cli.main, args=list(arguments), prog_name="sloctl", standalone_mode=False)
    try:
        return told(call)
    except Exception as error:  # noqa: BLE001 - the last line of defence: told, and kept
        return _bug(error)


def _bug(error: Exception) -> int:
    """Tell of our own mistake in one line, and keep the traceback in a file."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="sloctl-", suffix=".traceback", delete=False, encoding="utf-8"
    ) as file:
        traceback.print_exception(error, file=file)
    words = str(error).partition("\n")[0]
    click.echo(
        f"sloctl has a bug: {type(error).__name__}: {words}; the traceback is in {file.name}",
        err=True,
    )
    return BUG


def main() -> None:
    """The console script."""
    for name in ("stdin", "stdout", "stderr"):
        # Closed by the shell (`2>&-`): what would be said goes nowhere, and fails nothing.
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            nowhere = Path(os.devnull).open(mode)  # noqa: SIM115 - open as long as the process is
            setattr(sys, name, nowhere)
    sys.exit(run(sys.argv[1:]))
