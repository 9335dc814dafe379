"""A configuration cut down to what leads to a sampler of whole traces."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from collectors.config.model import Component, Loaded
from collectors.config.plan import plan
from collectors.config.recipe import recalled, used
from collectors.config.registry import Kind
from collectors.indicators import HasIndicators, SloConfig
from collectors.processors.tail_sampling import TailSamplingConfig
from collectors.service.plan import PipelinePlan

NOWHERE: Final = "nowhere"
"""The exporter of what is cut off."""


@dataclass(frozen=True, slots=True)
class Part:
    """A configuration, as far as it decides what becomes of a record.

    Attributes:
        name: As the reader knows it.
    """

    name: str
    components: Sequence[Component]
    pipelines: Mapping[str, PipelinePlan]

    @classmethod
    def of_file(cls, name: str, loaded: Loaded) -> Part:
        """That of a configuration file."""
        return cls(name, used(loaded), plan(loaded).pipelines)

    @classmethod
    def of_recipe(cls, name: str, recipe: str) -> Part:
        """That of a recipe; raises what `recalled` raises."""
        return cls(name, *recalled(recipe))

    def samplers(self) -> Mapping[str, TailSamplingConfig]:
        """The samplers that wait, by id."""
        return {
            item.component_id: item.config
            for item in self.components
            if item.kind is Kind.PROCESSORS and isinstance(item.config, TailSamplingConfig)
        }

    def slos(self) -> Mapping[str, SloConfig]:
        """What its components know of SLOs."""
        return {
            name: SloConfig(spans=spans)
            for item in self.components
            if isinstance(item.config, HasIndicators)
            for name, spans in item.config.indicators().items()
        }

    def behind(self) -> Iterator[str]:
        """Samplers that get only what one that waits has kept, and where that is."""
        waiting = self.samplers()
        places = {
            of.component_id: of.place
            for of in self.components
            if of.kind is Kind.PROCESSORS and of.samples
        }
        for name, pipeline in self.pipelines.items():
            first = next((of for of in pipeline.processors if of in waiting), None)
            if first is None:
                continue
            rest = pipeline.processors[pipeline.processors.index(first) + 1 :]
            after = [(name, rest), *((of, self.pipelines[of].processors) for of in self._on(name))]
            for other, of in ((other, of) for other, ids in after for of in ids if of in places):
                at = places[of]
                where = f"{at.file}:{at.line}:{at.column}: " if at.file else ""
                yield f"{where}{of} in {other} gets only what {first} in {name} keeps"

    def cut(self) -> dict[str, PipelinePlan]:
        """The pipelines that lead to a sampler that waits, up to it, and to nothing else."""
        samplers, connectors = self.samplers(), self._connectors()
        kept: dict[str, PipelinePlan] = {}
        for name, of in self.pipelines.items():
            places = [place for place, one in enumerate(of.processors) if one in samplers]
            if places:
                upto = of.processors[: places[0] + 1]
                kept[name] = dataclasses.replace(of, processors=upto, exporters=(NOWHERE,))
        ends = set(kept)
        while more := self._feeding(kept, ends):
            kept |= more
        fed = {one for name, of in kept.items() if name not in ends for one in of.exporters}
        return {
            name: of
            for name, of in kept.items()
            if any(one not in connectors or one in fed for one in of.receivers)
        }

    def _connectors(self) -> frozenset[str]:
        kind = Kind.CONNECTORS
        return frozenset(of.component_id for of in self.components if of.kind is kind)

    def _on(self, name: str) -> list[str]:
        """The pipelines of its signal that get what `name` puts out, by way of connectors."""
        signal, connectors = self.pipelines[name].signal, self._connectors()
        found: list[str] = []
        new = [name]
        while new:
            sources = connectors & {one for of in new for one in self.pipelines[of].exporters}
            new = [
                other
                for other, of in self.pipelines.items()
                if other not in found and of.signal is signal and sources & {*of.receivers}
            ]
            found += new
        return found

    def _feeding(self, kept: Mapping[str, PipelinePlan], ends: set[str]) -> dict[str, PipelinePlan]:
        """More pipelines that lead to those that are kept, and only there."""
        wanted = self._connectors() & {one for of in kept.values() for one in of.receivers}
        found: dict[str, PipelinePlan] = {}
        for name, of in self.pipelines.items():
            exporters = tuple(one for one in of.exporters if one in wanted)
            known = kept.get(name)
            if exporters and name not in ends and (known is None or known.exporters != exporters):
                found[name] = dataclasses.replace(of, exporters=exporters)
        return found
