"""Series that become one: sums in space, whatever begins, ends or begins again."""

from collectors.series.summing.rule import Gauges, Rule
from collectors.series.summing.summing import Summing, addable

__all__ = ["Gauges", "Rule", "Summing", "addable"]
