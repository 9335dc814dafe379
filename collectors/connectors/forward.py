"""`forward`: joins pipelines of one signal; what comes in goes out unchanged."""

from __future__ import annotations

from collectors.component import Config, ConnectorFactory, Settings, Signal
from collectors.stateless import Stateless


class ForwardConfig(Config):
    """Configuration of `forward`: there is nothing to say."""


def _create(_config: ForwardConfig, _settings: Settings) -> Stateless:
    return Stateless()


FACTORY = ConnectorFactory(
    config=ForwardConfig,
    create=_create,
    routes=frozenset((signal, signal) for signal in Signal),
)
