"""Every case of virtual time: the fault matrix, and what must stay silent."""

from __future__ import annotations

from alerts.gameday.virtual import (
    matrix_budgets,
    matrix_failures,
    matrix_pipeline,
    matrix_runbook,
    matrix_silent,
)
from alerts.gameday.virtual.cases import Case


def cases() -> tuple[Case, ...]:
    """All of them, the runbook first; ids are unique."""
    return (
        *matrix_runbook.cases(),
        *matrix_failures.cases(),
        *matrix_budgets.cases(),
        *matrix_pipeline.cases(),
        *matrix_silent.cases(),
    )
