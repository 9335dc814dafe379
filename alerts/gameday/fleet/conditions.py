"""What is wrong at the moment in one process: nothing, until a command says so."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from alerts.gameday.fleet import frames
from alerts.gameday.fleet.frames import Body


@dataclass(frozen=True, slots=True)
class Breach:
    """A compliance rule that an agent is about to break."""

    rule: str
    severity: str


@dataclass(slots=True)
class Conditions:
    """The faults that are in force.

    Attributes:
        action_failure: Per class of agents, or ``*`` for all, the share of actions that fail
            by the agent's own fault.
        wedged: Agents that hold their message and do nothing.
        muted: Agents whose heartbeats do not get through (their credential has expired).
        deaf: Agents that ignore news of the policy store.
        blocked: The standby cannot take over: its way to the lease is shut.
        unfenced: An orchestrator acts without holding the lease.
        arrivals: Factor on the arrivals of a team.
        llm_errors: Per provider, the share of calls that fail and the HTTP status.
        oscillating: Two agents set the same thing to two values, in turns.
        rejects_per_minute: Requests for the GPU pool that the scheduler turns down.
        breaches: Violations that workers will commit, first come first served.
        looping: Agents that repeat one call in every task.
        naming: Agents that put the id of a run into the type of every action.
        set_clock: Sets the process's clock so many seconds ahead.
    """

    action_failure: dict[str, float] = field(default_factory=dict[str, float])
    wedged: set[str] = field(default_factory=set[str])
    muted: set[str] = field(default_factory=set[str])
    deaf: set[str] = field(default_factory=set[str])
    blocked: bool = False
    unfenced: bool = False
    arrivals: dict[str, float] = field(default_factory=dict[str, float])
    llm_errors: dict[str, tuple[float, int]] = field(default_factory=dict[str, tuple[float, int]])
    oscillating: bool = False
    rejects_per_minute: float = 0.0
    breaches: deque[Breach] = field(default_factory=deque[Breach])
    looping: set[str] = field(default_factory=set[str])
    naming: set[str] = field(default_factory=set[str])
    set_clock: Callable[[float], None] = lambda _: None

    def obey(self, command: Body) -> None:
        """Bring one fault into force, or end them all with ``heal``.

        Raises:
            ValueError: No such command.
        """
        verb = frames.text(command, "do")
        action = _VERBS.get(verb)
        if action is None:
            msg = f"unknown command {verb!r}, one of {', '.join(sorted(_VERBS))}"
            raise ValueError(msg)
        action(self, command)


def _fail_actions(now: Conditions, command: Body) -> None:
    now.action_failure[frames.text(command, "name") or "*"] = frames.number(command, "share")


def _wedge(now: Conditions, command: Body) -> None:
    now.wedged |= agents(command)


def _mute(now: Conditions, command: Body) -> None:
    now.muted |= agents(command)


def _deafen(now: Conditions, command: Body) -> None:
    now.deaf |= agents(command)


def _block(now: Conditions, _: Body) -> None:
    now.blocked = True


def _unfence(now: Conditions, _: Body) -> None:
    now.unfenced = True


def _oscillate(now: Conditions, _: Body) -> None:
    now.oscillating = True


def _arrivals(now: Conditions, command: Body) -> None:
    now.arrivals[frames.text(command, "team")] = frames.number(command, "factor")


def _llm_errors(now: Conditions, command: Body) -> None:
    error = frames.number(command, "share"), int(frames.number(command, "status"))
    now.llm_errors[frames.text(command, "provider")] = error


def _reject(now: Conditions, command: Body) -> None:
    now.rejects_per_minute = frames.number(command, "per_minute")


def _breach(now: Conditions, command: Body) -> None:
    severity = frames.text(command, "severity") or "critical"
    now.breaches.append(Breach(frames.text(command, "rule"), severity))


def _loop(now: Conditions, command: Body) -> None:
    now.looping |= agents(command)


def _name_runs(now: Conditions, command: Body) -> None:
    now.naming |= agents(command)


def _skew(now: Conditions, command: Body) -> None:
    now.set_clock(frames.number(command, "seconds"))


def _heal(now: Conditions, _: Body) -> None:
    now.set_clock(0.0)
    now.blocked = now.unfenced = now.oscillating = False
    now.rejects_per_minute = 0.0
    now.action_failure.clear()
    for collection in (now.wedged, now.muted, now.deaf, now.looping, now.naming):
        collection.clear()
    for cleared in (now.arrivals, now.llm_errors, now.breaches):
        cleared.clear()


_VERBS: Final[dict[str, Callable[[Conditions, Body], None]]] = {
    "arrivals": _arrivals,
    "block": _block,
    "breach": _breach,
    "deafen": _deafen,
    "fail-actions": _fail_actions,
    "heal": _heal,
    "llm-errors": _llm_errors,
    "loop": _loop,
    "mute": _mute,
    "name-runs": _name_runs,
    "oscillate": _oscillate,
    "reject": _reject,
    "skew": _skew,
    "unfence": _unfence,
    "wedge": _wedge,
}


def agents(command: Body) -> set[str]:
    """The keys of the agents that a command names."""
    named = command.get("agents")
    return {key for key in named if isinstance(key, str)} if isinstance(named, list) else set()
