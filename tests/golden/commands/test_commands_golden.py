"""The pages and the commands tell the same: every command, every option, and nothing else.

`UPDATE_GOLDEN=1 pytest tests/golden/commands` writes `docs/commands.md` anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from collectors.cli import cli as collector
from slo.cli import cli as sloctl

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "commands.md"
COMMANDS: dict[str, click.Group] = {"sloctl": sloctl, "collector": collector}
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *(
        page
        for room in ("collectors", "slo", "dashboards", "alerts", "deploy", "examples")
        for page in sorted((ROOT / room).rglob("README.md"))
    ),
]
HEAD = """# Every command, every option

What `--help` says, on one page; the other pages say what for. Every command takes `--help`, and
those of `sloctl` take `-q` (say nothing but problems) and `-v` (say more). Exit codes: 0 fine,
1 problems in the input or a proof that failed, 2 wrong usage, 3 a bug of ours, 4 cannot tell.
"""
_TYPED = re.compile(
    r"(?:^|[$|&;(`] ?|run: )(?:\S*/)?((?:sloctl|collector) [^`#|\n]+)", re.MULTILINE
)
_OPTION = re.compile(r"(--[a-z][a-z-]*|-[a-z])(?=$|[=,\]).:;])")
_EVERYWHERE = {"--help", "-h", "--quiet", "-q", "--verbose", "-v", "--version"}


def below(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    """Each command that does something, with the words that call it."""
    context = click.Context(group, info_name=name)
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        assert command is not None
        if isinstance(command, click.Group):
            yield from below(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


EVERY = {name: of for root, group in COMMANDS.items() for name, of in below(group, root)}


def options(command: click.Command) -> list[click.Option]:
    """Those that are not the same everywhere."""
    found = [of for of in command.params if isinstance(of, click.Option) and not of.hidden]
    return [of for of in found if not _EVERYWHERE & set(of.opts)]


def section(name: str, command: click.Command) -> str:
    """A command in Markdown."""
    context = click.Context(command, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    words = " ".join(command.get_short_help_str(limit=1_000).split())
    lines = [f"## {name}", "", f"`{name} {usage}`".replace(" `", "`"), "", words]
    taken = [of.get_help_record(context) or ("", "") for of in options(command)]
    lines += ["", *(f"- `{given}`: {' '.join(said.split())}" for given, said in taken)]
    return "\n".join(lines).rstrip() + "\n"


def called(words: list[str]) -> tuple[click.Command, list[str]] | None:
    """The command that `words` call, and what is left for it; None where there is none."""
    command: click.Command = COMMANDS[words[0]]
    left = words[1:]
    while isinstance(command, click.Group):
        while left and left[0].startswith("-"):
            left = left[1:]
        if not left or not re.fullmatch(r"[a-z][a-z-]*", left[0]):
            return command, []
        found = command.get_command(click.Context(command), left[0])
        if found is None:
            return None
        command, left = found, left[1:]
    return command, left


def wrong(text: str) -> Iterator[str]:
    """What a page types that no command takes."""
    for line in _TYPED.findall(text.replace("\\\n", " ")):
        found = called(line.split())
        if found is None:
            yield f"{line}: there is no such command"
            continue
        command, left = found
        known = {word for of in command.params for word in (*of.opts, *of.secondary_opts)}
        for word in left:
            option = _OPTION.match(word.lstrip("[("))
            if option and option[1] not in known | _EVERYWHERE:
                yield f"{line}: there is no {option[1]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_types_is_taken(page: Path) -> None:
    assert list(wrong(page.read_text(encoding="utf-8"))) == []


def test_what_no_command_takes_is_found() -> None:
    text = (
        "Try `sloctl frobnicate x`, `collector why ID --dat D` or\n\n```sh\nsloctl gate -z 1\n```\n"
    )

    assert [line.rpartition(": ")[2] for line in wrong(text)] == [
        "there is no such command",
        "there is no --dat",
        "there is no -z",
    ]


@pytest.mark.parametrize("name", EVERY)
def test_every_command_and_option_says_what_it_does(name: str) -> None:
    assert EVERY[name].help
    assert [of.opts[0] for of in options(EVERY[name]) if not of.help] == []


def test_the_page_of_commands_lists_every_command_and_option() -> None:
    text = "\n".join([HEAD, *(section(name, EVERY[name]) for name in EVERY)])

    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, "UPDATE_GOLDEN=1 writes it anew"
