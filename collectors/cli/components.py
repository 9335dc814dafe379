"""`collector components`: what is installed, ours and other people's."""

from __future__ import annotations

import click

from collectors.component import ConnectorFactory, ExtensionFactory
from collectors.config.registry import Factory, Kind, PluginError, Registry


@click.command()
def components() -> None:
    """List the installed components, what they carry, and where they come from."""
    registry = Registry.installed()
    for kind in Kind:
        click.echo(f"{kind}:")
        for name in registry.names(kind):
            point = registry.points[kind, name]
            origin = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
            try:
                carries = _carries(registry.load(kind, name))
            except PluginError as error:
                carries = f"cannot be loaded: {error}"
            click.echo(f"  {name:<24} {carries:<36} {origin}".rstrip())


def _carries(factory: Factory) -> str:
    if isinstance(factory, ExtensionFactory):
        return ""
    if isinstance(factory, ConnectorFactory):
        return ", ".join(sorted(f"{into} -> {out}" for into, out in factory.routes))
    return ", ".join(sorted(factory.signals))
