"""`collector components`: what is installed, ours and other people's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import click

from collectors.component import ConnectorFactory, ExtensionFactory
from collectors.config.registry import Factory, Kind, PluginError, Registry

_LEAST_NAME: Final = 24
_LEAST_CARRIES: Final = 36
"""Columns are at least so wide, so that those of most kinds agree."""


@click.command()
def components() -> None:
    """List the installed components, what they carry, and where they come from."""
    registry = Registry.installed()
    for kind in Kind:
        click.echo(f"{kind}:")
        rows: list[tuple[str, str, str]] = []
        for name in registry.names(kind):
            point = registry.points[kind, name]
            origin = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
            try:
                carries = _carries(registry.load(kind, name))
            except PluginError as error:
                carries = f"cannot be loaded: {error}"
            rows.append((name, carries, origin))
        for line in _columns(rows):
            click.echo(line)


def _columns(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """The rows of a kind, one under the other; its widest cell makes the column."""
    named = max([_LEAST_NAME, *(len(name) for name, _, _ in rows)])
    carried = max([_LEAST_CARRIES, *(len(carries) for _, carries, _ in rows)])
    for name, carries, origin in rows:
        yield f"  {name:<{named}} {carries:<{carried}} {origin}".rstrip()


def _carries(factory: Factory) -> str:
    if isinstance(factory, ExtensionFactory):
        return ""
    if isinstance(factory, ConnectorFactory):
        return ", ".join(sorted(f"{into} -> {out}" for into, out in factory.routes))
    return ", ".join(sorted(factory.signals))
