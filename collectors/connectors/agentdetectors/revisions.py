"""Who is behind: policies that some agents do not have yet, versions that go back, leaders."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from collectors.connectors.agentdetectors.config import RevisionsConfig
from collectors.connectors.agentdetectors.roster import Agent
from collectors.judging import AgentState, ordered

Order: TypeAlias = tuple[int, ...]
_MOST_FAMILIES: Final = 1_000
_MOST_GROUPS: Final = 10


@dataclass(slots=True)
class _Held:
    """The revision that an agent was seen to use last."""

    order: Order
    seen_ns: int
    is_stale: bool = False


class Policies:
    """Which agent uses which revision of which policy, and how long the newest took to it."""

    def __init__(self, config: RevisionsConfig) -> None:
        """Begin empty."""
        self._grace_ns = config.grace
        self._held: dict[tuple[str, int], _Held] = {}
        self._heard: dict[tuple[str, int], _Held] = {}
        self._newest: dict[str, tuple[Order, int]] = {}
        self._published: OrderedDict[str, tuple[Order, int]] = OrderedDict()
        self._arrived: list[tuple[str, int]] = []

    def publish(self, policy: str, revision: str, steady_ns: int) -> bool:
        """A revision was published; False where nobody can say how old it is."""
        order = ordered(revision)
        if order and order > self._published.get(policy, ((), 0))[0]:
            self._published[policy] = order, steady_ns
            while len(self._published) > _MOST_FAMILIES:
                self._published.popitem(last=False)
        return bool(order)

    def hear(self, policy: str, agent: int, revision: str, steady_ns: int) -> bool:
        """An agent used a revision; False where nobody can say how old it is."""
        order = ordered(revision)
        if not order:
            return False
        key = policy, agent
        before = self._heard.get(key) or self._held.get(key)
        newest, since_ns = self._published.get(policy, ((), 0))
        if order > newest:  # nobody told of it: it is out since it was seen first
            self.publish(policy, revision, steady_ns)
        elif before is not None and before.order < newest == order:
            self._arrived.append((policy, steady_ns - since_ns))
        heard = self._heard.setdefault(key, _Held(order, steady_ns))
        heard.order = max(order, heard.order)
        heard.seen_ns = max(heard.seen_ns, steady_ns)
        return True

    def tick(self, agents: Mapping[int, Agent]) -> dict[str, int]:
        """How many agents are behind, by policy."""
        self._held = {key: of for key, of in (self._held | self._heard).items() if key[1] in agents}
        there = [(key, of) for key, of in self._held.items() if _counts(agents[key[1]])]
        self._renew([(key[0], of) for key, of in there])
        stale: Counter[str] = Counter(dict.fromkeys(self._newest, 0))
        for key, of in there:
            newest, since_ns = self._newest[key[0]]
            if of.order >= newest:
                of.is_stale = False
            elif key in self._heard and of.seen_ns >= since_ns + self._grace_ns:
                of.is_stale = True
            stale[key[0]] += of.is_stale
        self._heard = {}
        return dict(stale)

    def arrived(self) -> dict[str, list[int]]:
        """How long newest revisions took to agents that had an older one, by policy."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for policy, took_ns in self._arrived:
            found[policy].append(took_ns)
        self._arrived = []
        return found

    def known(self) -> list[str]:
        """The policies that some agent used, or that were published."""
        return list(self._published)

    def state(self) -> dict[str, object]:
        """Everything, in words of JSON."""
        rows = {
            name: [[*key, list(of.order), of.seen_ns, of.is_stale] for key, of in held.items()]
            for name, held in (("held", self._held), ("heard", self._heard))
        }
        orders = {
            name: [[policy, list(order), at] for policy, (order, at) in found.items()]
            for name, found in (("newest", self._newest), ("published", self._published))
        }
        return {**rows, **orders, "arrived": [[*of] for of in self._arrived]}

    def restore(self, state: Mapping[str, list[list[object]]]) -> None:
        """Continue from `state`."""
        self._held, self._heard = (_read(state[name]) for name in ("held", "heard"))
        self._newest, published = (_orders(state[name]) for name in ("newest", "published"))
        self._published = OrderedDict(published)
        self._arrived = [(str(policy), _whole(took)) for policy, took in state["arrived"]]

    def _renew(self, there: Iterable[tuple[str, _Held]]) -> None:
        """Find the newest revision of each policy, and since when it is known."""
        found: dict[str, _Held] = {}
        for policy, of in there:
            best = found.get(policy)
            if best is None or (of.order, -of.seen_ns) > (best.order, -best.seen_ns):
                found[policy] = of
        for policy, of in found.items():
            if policy not in self._newest or self._newest[policy][0] != of.order:
                self._newest[policy] = of.order, of.seen_ns


@dataclass(frozen=True, slots=True)
class Moved:
    """The newest version of a service that runs: it went up, or back."""

    tier: str
    is_back: bool


class Versions:
    """The newest version of each service that runs."""

    def __init__(self, config: RevisionsConfig) -> None:
        """Begin empty."""
        self._announced_ns = config.announced
        self._newest: OrderedDict[str, Order] = OrderedDict()
        self._told_ns: int | None = None

    def announce(self, steady_ns: int) -> None:
        """A rollback was told."""
        self._told_ns = steady_ns

    def tick(self, agents: Iterable[Agent], steady_ns: int) -> list[Moved]:
        """What has changed."""
        running: defaultdict[str, list[Agent]] = defaultdict(list)
        for agent in agents:
            if not agent.leaving:
                running[agent.who.family].append(agent)
        found: list[Moved] = []
        for family, instances in running.items():
            orders = [ordered(agent.who.version) for agent in instances]
            newest, before = max(orders), self._newest.get(family)
            if not all(orders):
                continue
            self._newest[family] = newest
            self._newest.move_to_end(family)
            if before is not None and newest != before:
                is_back = newest < before
                if not (is_back and self._was_told(steady_ns)):
                    found.append(Moved(instances[0].who.tier, is_back))
        while len(self._newest) > _MOST_FAMILIES:
            self._newest.popitem(last=False)
        return found

    def state(self) -> dict[str, object]:
        """Everything, in words of JSON."""
        newest = [[family, list(order)] for family, order in self._newest.items()]
        return {"newest": newest, "told": self._told_ns}

    def restore(self, state: Mapping[str, object]) -> None:
        """Continue from `state`."""
        newest, told_ns = state["newest"], state["told"]
        self._newest = OrderedDict()
        for family, order in newest if isinstance(newest, list) else ():
            self._newest[str(family)] = _order(order)
        self._told_ns = told_ns if isinstance(told_ns, int) else None

    def _was_told(self, steady_ns: int) -> bool:
        return self._told_ns is not None and steady_ns - self._told_ns <= self._announced_ns


class Leaders:
    """Who calls itself leader of which group."""

    def __init__(self, config: RevisionsConfig) -> None:
        """Begin empty."""
        self._seen_for_ns = config.leader_seen
        self._claims: dict[str, dict[int, int]] = {}

    def hear(self, group: str, agent: int, steady_ns: int) -> None:
        """An agent calls itself leader of `group`."""
        if group in self._claims or len(self._claims) < _MOST_GROUPS:
            self._claims.setdefault(group, {})[agent] = steady_ns

    def tick(self, agents: Mapping[int, Agent], steady_ns: int) -> dict[str, int]:
        """How many lead each group."""
        for claims in self._claims.values():
            for agent, at in list(claims.items()):
                if steady_ns - at > self._seen_for_ns or agent not in agents:
                    del claims[agent]
        return {group: len(claims) for group, claims in self._claims.items()}

    def state(self) -> list[object]:
        """Everything, in words of JSON."""
        return [[group, list(claims.items())] for group, claims in self._claims.items()]

    def restore(self, state: list[tuple[str, list[tuple[int, int]]]]) -> None:
        """Continue from `state`."""
        self._claims = {group: dict(claims) for group, claims in state}


def _counts(agent: Agent) -> bool:
    """Whether an agent that is behind is one to speak of."""
    return agent.is_there and agent.standing.state is not AgentState.QUARANTINED


def _read(rows: list[list[object]]) -> dict[tuple[str, int], _Held]:
    return {
        (str(policy), _whole(agent)): _Held(_order(order), _whole(at), bool(stale))
        for policy, agent, order, at, stale in rows
    }


def _orders(rows: list[list[object]]) -> dict[str, tuple[Order, int]]:
    return {str(policy): (_order(order), _whole(at)) for policy, order, at in rows}


def _order(value: object) -> Order:
    return tuple(_whole(part) for part in value) if isinstance(value, list) else ()


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
