"""Conditions in OTTL, the part of it that can be answered from columns."""

from collectors.ottl.conditions import Condition, Conditions
from collectors.ottl.contexts import CONTEXTS, Context
from collectors.ottl.syntax import ConditionError

__all__ = ["CONTEXTS", "Condition", "ConditionError", "Conditions", "Context"]
