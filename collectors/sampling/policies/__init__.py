"""The policies of tail sampling: their configuration, and the plan that it makes."""

from collectors.sampling.policies.deciding import CompiledPlan
from collectors.sampling.policies.policies import Policies, hearing_all
from collectors.sampling.policies.schema import PolicyConfig

__all__ = ["CompiledPlan", "Policies", "PolicyConfig", "hearing_all"]
