"""What workers do about their tasks: calls to models, policy evaluations, actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from alerts.gameday.fleet import worker
from alerts.gameday.fleet.guards import POLICIES
from alerts.gameday.fleet.model import PROVIDERS, Provider
from alerts.gameday.fleet.traffic import Traffic
from alerts.gameday.virtual import truth
from alerts.gameday.virtual.chance import Chance
from alerts.gameday.virtual.meter import Steps
from alerts.gameday.virtual.posts import Post
from alerts.gameday.virtual.trouble import Work

_BLAMELESS: Final = frozenset({"client", "content_filter"})
"""Results of calls to models that no budget counts, neither as bad nor at all."""
_FAST_SECONDS: Final = 0.05
"""A policy evaluation that takes longer is bad; see the shipped SLO."""


@dataclass(frozen=True, slots=True)
class Share:
    """The tasks of a pool that one process does.

    Attributes:
        post: Who counts.
        tasks: In each step of the stretch.
        wrong: What is wrong with work at the moment.
    """

    post: Post
    tasks: Steps
    chance: Chance
    traffic: Traffic
    wrong: Work

    @property
    def stream(self) -> str:
        """The name of its random numbers."""
        return f"{self.post.resource['instance']}/{self.post.name}"

    def evaluate(self, guard: Post, books: truth.Books) -> None:
        """Every action is allowed by the policy whose turn it is; `guard` counts."""
        count = self.tasks * self.traffic.actions_per_task
        at = np.repeat(np.arange(len(count)), count)
        stream, factor = f"{self.stream}/policy", self.wrong.policy_factor
        seconds = self.chance.drawn(stream, self.traffic.policy, len(at), factor)
        turn = turns(count) % len(POLICIES)
        for number, policy in enumerate(POLICIES):
            mine = turn == number
            labels = {"mas.policy.name": policy, "mas.policy.decision": "allow"}
            guard.observe("mas.policy.evaluation.duration", at[mine], seconds[mine], labels)
            slow = int((seconds[mine] > _FAST_SECONDS).sum())
            books.note(truth.POLICIES, policy, slow, int(mine.sum()))

    def call(self, books: truth.Books) -> Steps:
        """Calls to models, each on failure once more to the other provider; how many failed."""
        first, second = PROVIDERS
        count = self.tasks * self.traffic.llm_calls_per_task
        preferred = self.chance.some(f"{self.stream}/preferred", count, first.share)
        left = self._ask(first, preferred, 1, books), self._ask(second, count - preferred, 1, books)
        return self._ask(second, left[0], 2, books) + self._ask(first, left[1], 2, books)

    def _ask(self, provider: Provider, count: Steps, attempt: int, books: truth.Books) -> Steps:
        """How many failed for whoever called; retries of the client are not seen there."""
        wrong, stream = self.wrong, f"{self.stream}/{provider.name}/{attempt}"
        share, result = wrong.providers.get(provider.name, (0.0, ""))
        draw = _evenly if wrong.evenly else _by_chance
        injected = draw(self.chance, f"{stream}/injected", count, share)
        failure = self.traffic.llm_failure
        everyday = draw(self.chance, f"{stream}/everyday", count - injected, failure)
        results = {"rate_limit": everyday // 2, "provider": everyday - everyday // 2}
        if share > 0:
            results[result] = results.get(result, 0) + injected
        failed = injected + everyday
        results["success"] = count if wrong.retried else count - failed
        for found, attempts in results.items():
            labels = {"gen_ai.provider.name": provider.name, "mas.llm.attempt.result": found}
            self.post.count("mas.llm.attempts", attempts, labels)
        ended = {"success": count} if wrong.retried else results
        self._timed(provider, ended, stream)
        _judged(provider, ended, books)
        return count - ended["success"] - ended.get("content_filter", 0)

    def _timed(self, provider: Provider, ended: Mapping[str, Steps], stream: str) -> None:
        """How long calls took, by how they ended."""
        for found, calls in ended.items():
            at = np.repeat(np.arange(len(calls)), calls)
            labels = {
                "gen_ai.provider.name": provider.name,
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": provider.model,
                "error.type": "" if found == "success" else found,
            }
            scale = self.traffic.latency_scale
            seconds = self.chance.drawn(f"{stream}/{found}", self.traffic.llm, len(at), scale)
            self.post.observe("gen_ai.client.operation.duration", at, seconds, labels)


def act(shares: Sequence[Share], books: truth.Books) -> int:
    """The actions of one class of agents, in all its processes; how many there were."""
    kinds = [(share, kind) for share in shares for kind in worker.ACTIONS]
    wanted = [
        share.tasks * share.traffic.actions_per_task // len(worker.ACTIONS) for share, _ in kinds
    ]
    deferred = [
        share.chance.some(f"{share.stream}/{kind}/deferred", count, share.wrong.deferred)
        for (share, kind), count in zip(kinds, wanted, strict=True)
    ]
    done = np.array(wanted) - np.array(deferred)
    own, everyday = _failures(shares[0], done)
    failed = {id(share): share.call(books) for share in shares}
    for number, (share, kind) in enumerate(kinds):
        left = done[number] - own[number] - everyday[number]
        lost = np.minimum(failed[id(share)], left)
        failed[id(share)] = failed[id(share)] - lost
        for count, outcome, whose in (
            (left - lost, "success", "none"),
            (own[number], "failure", "agent"),
            (everyday[number], "failure", "dependency"),
            (lost, "failure", "provider"),
            (deferred[number], "deferred", "none"),
        ):
            share.post.count("mas.agent.actions", count, action(kind, outcome, whose))
        share.post.count("mas.audit.records", wanted[number])
        bad = own[number] + everyday[number] + lost
        books.note(truth.ACTIONS, share.post.name, bad, done[number])
    return int(np.sum(wanted))


def _failures(share: Share, done: Steps) -> tuple[Steps, Steps]:
    """Of the `done` actions of a class, a row a kind: failed by its own fault, or as ever."""
    name, chance = share.post.name, share.chance
    everyday, injected = share.traffic.action_failure, share.wrong.failing.get(share.post.name, 0.0)
    draw = _evenly if share.wrong.evenly else _by_chance
    own = draw(chance, f"{name}/own", done, injected)
    return own, draw(chance, f"{name}/everyday", done - own, everyday)


def _evenly(chance: Chance, name: str, done: Steps, share: float) -> Steps:
    """Every so many, step by step; of several rows one after the other."""
    flat = chance.due(name, (done.astype(np.float64) * share).T.ravel())
    return flat.reshape(done.T.shape).T


def _by_chance(chance: Chance, name: str, done: Steps, share: float) -> Steps:
    return chance.some(name, done.T, share).T


def _judged(provider: Provider, ended: Mapping[str, Steps], books: truth.Books) -> None:
    """What calls come to for the provider's budget."""
    counted = {name: int(each.sum()) for name, each in ended.items() if name not in _BLAMELESS}
    total = sum(counted.values())
    books.note(truth.MODELS, provider.name, total - counted["success"], total)


def turns(counts: Steps) -> Steps:
    """The place of each event within its step, from 0, where so many happen in each."""
    return np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)


def action(kind: str, outcome: str, whose: str = "none") -> dict[str, str]:
    """The labels of an action of the fleet."""
    return {
        "mas.action.type": kind,
        "mas.action.outcome": outcome,
        "mas.error.attribution": whose,
    }
