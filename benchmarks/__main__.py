"""Run the benchmarks by name, or all of them: `python -m benchmarks [NAME]...`."""

from __future__ import annotations

import sys

from benchmarks import (
    agents,
    aggregate,
    backlog,
    compile_slos,
    detectors,
    ingest,
    instrument,
    logdedup,
    reduce,
    rule_cost,
    tail_sampling,
    truth,
    wire,
)

BENCHMARKS = {
    "ingest": ingest.main,
    "backlog": backlog.main,
    "wire": wire.main,
    "reduce": reduce.main,
    "tail_sampling": tail_sampling.main,
    "agents": agents.main,
    "detectors": detectors.main,
    "aggregate": aggregate.main,
    "logdedup": logdedup.main,
    "compile": compile_slos.main,
    "rules": rule_cost.main,
    "instrument": instrument.main,
    "truth": truth.main,
}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark named {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
        return 2
    for name in names or list(BENCHMARKS):
        BENCHMARKS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
