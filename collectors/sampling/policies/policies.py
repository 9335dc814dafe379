"""The list of policies as a field of a configuration, with what only the whole list shows."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import InitErrorDetails

from collectors.sampling.dynamic.keys import Fields
from collectors.sampling.policies.build import Builder
from collectors.sampling.policies.questions import Leaves, TooManyLeaves
from collectors.sampling.policies.schema import PolicyConfig
from collectors.sampling.policies.sense import clash, demands, shadowed

_LIST: Final = "policies"
_NAME: Final = "name"


def checked(policies: list[PolicyConfig]) -> list[PolicyConfig]:
    """The same list.

    Raises:
        ValidationError: What is wrong with it, each at its place in the list.
    """
    problems = [*_doubled(policies), *_senseless(policies), *_too_many(policies)]
    if problems:
        raise ValidationError.from_exception_data(_LIST, problems)
    return policies


Policies = Annotated[list[PolicyConfig], Field(min_length=1), AfterValidator(checked)]


def hearing_all(policies: list[PolicyConfig], text: str) -> list[PolicyConfig]:
    """The same list, if no policy depends on what it was asked before.

    Args:
        policies: Checked already.
        text: What is wrong with one that does.

    Raises:
        ValidationError: Some do, each at its place in the list.
    """
    builder = Builder(Leaves(), Fields(), invert_decisions=False)
    problems = [
        _problem(place, policy.type, policy.name, text)
        for place, policy in enumerate(policies)
        if builder.build(policy).has_memory
    ]
    if problems:
        raise ValidationError.from_exception_data(_LIST, problems)
    return policies


def _doubled(policies: list[PolicyConfig]) -> list[InitErrorDetails]:
    seen: set[str] = set()
    found: list[InitErrorDetails] = []
    for place, policy in enumerate(policies):
        if policy.name in seen:
            text = f"{policy.name} is the name of a policy before it"
            found.append(_problem(place, _NAME, policy.name, text))
        seen.add(policy.name)
    return found


def _senseless(policies: list[PolicyConfig]) -> list[InitErrorDetails]:
    if all(policy.type == "drop" for policy in policies):
        text = "no policy keeps a trace: all of them drop"
        return [_problem(0, "type", "drop", text)]
    found = [
        _problem(place, policy.type, policy.name, f"can never match: {reason}")
        for place, policy in enumerate(policies)
        if (reason := nested_clash(policy))
    ]
    if found:
        return found
    return [
        _problem(place, _NAME, policies[place].name, f"can never keep a trace: {reason}")
        for place, reason in shadowed(policies)
    ]


def nested_clash(policy: PolicyConfig) -> str:
    """Why `policy`, or one that it is made of, can never match; empty where they can."""
    if policy.type in {"and", "drop"} and (reason := clash(policy.parts())):
        return reason
    if policy.type == "not" and _wants_all(policy.parts()[0]):
        return f"{policy.parts()[0].name} wants every trace"
    reasons = (nested_clash(part) for part in policy.parts())
    return next((reason for reason in reasons if reason), "")


def _wants_all(policy: PolicyConfig) -> bool:
    wanted = demands(policy)
    return wanted.is_all and not wanted.known


def _too_many(policies: list[PolicyConfig]) -> list[InitErrorDetails]:
    builder = Builder(Leaves(), Fields(), invert_decisions=False)
    for place, policy in enumerate(policies):
        try:
            builder.build(policy)
        except TooManyLeaves as error:
            return [_problem(place, _NAME, policy.name, str(error))]
    return []


def _problem(place: int, key: str, got: str, text: str) -> InitErrorDetails:
    return InitErrorDetails(
        type="value_error", loc=(place, key), input=got, ctx={"error": ValueError(text)}
    )
