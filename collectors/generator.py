"""The collector's configuration as an output of `sloctl generate`."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import Final

from slo.diagnostic import Diagnostic
from slo.model import Compiled, OutputFile
from slo.plugin import Generator, Output

PATH: Final = "collector/collector.yaml"
_STARTER: Final = "collector.yaml"


class CollectorGenerator:
    """Writes the configuration whose endpoints the generated `prometheus.yml` scrapes."""

    output = Output.COLLECTOR

    def check(self, compiled: Compiled) -> Iterable[Diagnostic]:
        """Nothing in a project stands in the way."""
        del compiled
        return ()

    def generate(self, compiled: Compiled) -> Iterable[OutputFile]:
        """One file; it is the one that `sloctl init` writes."""
        del compiled
        text = files("collectors.starter").joinpath(_STARTER).read_text(encoding="utf-8")
        return (OutputFile(PATH, text),)


GENERATOR: Final[Generator] = CollectorGenerator()
