"""Every `auth: {authenticator: id}` names an extension that runs and can do it."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from collectors.config import tree
from collectors.config.model import Loaded
from collectors.config.problems import Code, error, nearest
from collectors.config.registry import Kind
from collectors.net.auth import AuthConfig, AuthenticatorConfig
from slo import source
from slo.diagnostic import Diagnostic


def authenticators(loaded: Loaded, root: source.Node) -> Iterator[Diagnostic]:
    """What is wrong with the authenticators that components name."""
    for component in loaded.components.values():
        for path, config in _named(component.config, ()):
            wrong, way_out = _wrong(loaded, config)
            if wrong:
                parts = (component.kind.value, component.component_id, *path, "authenticator")
                yield error(Code.UNDEFINED, wrong, tree.place(root, parts), way_out)


def _named(model: BaseModel, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], AuthConfig]]:
    """Every `auth` block below `model`, and where it stands."""
    for name in type(model).model_fields:
        value: object = getattr(model, name)
        if isinstance(value, AuthConfig):
            yield (*path, name), value
        elif isinstance(value, BaseModel):
            yield from _named(value, (*path, name))


def _wrong(loaded: Loaded, config: AuthConfig) -> tuple[str, str]:
    """What is wrong, empty if nothing is, and the way out."""
    name = config.authenticator
    found = loaded.components.get((Kind.EXTENSIONS, name))
    if found is None:
        known = [item.component_id for item in loaded.of(Kind.EXTENSIONS)]
        return f"extension {name} is not defined", nearest(name, known)
    if not isinstance(found.config, AuthenticatorConfig):
        return f"extension {name} authenticates nobody", ""
    if config.SIDE not in found.config.sides():
        return f"extension {name} as it is configured does not authenticate a {config.SIDE}", ""
    if name not in loaded.extensions:
        return f"extension {name} is not started", f"add {name} to service.extensions"
    return "", ""
