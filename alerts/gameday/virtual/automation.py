"""Remediations and deployments of the virtual fleet: few, and each of them by itself."""

from __future__ import annotations

from typing import Final

import numpy as np

from alerts.gameday.fleet.traffic import Traffic
from alerts.gameday.virtual import truth
from alerts.gameday.virtual.chance import Chance
from alerts.gameday.virtual.posts import Posts
from alerts.gameday.virtual.trouble import Automation
from collectors.instrument import (
    TICK_SECONDS,
    Deployer,
    Observer,
    RemediationClass,
    RollbackTrigger,
    Tier,
    Verdict,
)

_OPS: Final = {"mas.remediation.class": RemediationClass.OPS.value}
_SOON_SECONDS: Final = 30.0
"""A remediation that helps within it is in time."""


class Automata:
    """Those who repair and deploy."""

    def __init__(
        self,
        posts: Posts,
        observer: Observer,
        deployer: Deployer,
        traffic: Traffic,
        chance: Chance,
    ) -> None:
        """They count with `posts`, are judged by `observer` and announced by `deployer`."""
        self._post = posts.of("remediation-agent")[0]
        self._platform = posts.platform
        self._observer = observer
        self._deployer = deployer
        self._traffic = traffic
        self._chance = chance

    def live(self, steps: int, wrong: Automation, books: truth.Books) -> None:
        """So many steps go by."""
        minutes = TICK_SECONDS / 60.0
        repairs = self._chance.due(
            "remediations", np.full(steps, wrong.remediations / 60 * minutes)
        )
        for step in np.repeat(np.arange(steps), repairs).tolist():
            self._post.values.now = self._platform.values.now = step
            self._repair(wrong, books)
        self._platform.values.now = 0
        for _ in range(wrong.needless):
            self._observer.verdict(RemediationClass.OPS, Verdict.FALSE_POSITIVE)
        books.note(truth.CORRECTNESS, "", wrong.needless, wrong.needless)
        self._deploy(steps, wrong, books)
        wrong.rollbacks = wrong.needless = 0

    def _repair(self, wrong: Automation, books: truth.Books) -> None:
        """One remediation, and what is found of it afterwards."""
        luck = self._chance.of("remediation").random(3)
        outcome = "failed" if luck[0] < wrong.failing else "fixed"
        labels = {**_OPS, "mas.remediation.outcome": outcome}
        seconds = self._chance.drawn("repair", self._traffic.remediation, 1, wrong.factor)[0]
        self._post.instruments.add("mas.remediations", 1, labels)
        self._post.instruments.record("mas.remediation.duration", float(seconds), labels)
        late = outcome == "failed" or seconds > _SOON_SECONDS
        books.note(truth.REPAIRS, "", int(late), 1)
        if luck[1] >= wrong.unreviewed:
            harmful = luck[2] < wrong.harmful
            verdict = Verdict.HARMFUL if harmful else Verdict.CORRECT
            self._observer.verdict(RemediationClass.OPS, verdict)
            books.note(truth.CORRECTNESS, "", int(harmful), 1)

    def _deploy(self, steps: int, wrong: Automation, books: truth.Books) -> None:
        """Releases of the day, and those that are taken back at the first step."""
        per_minute = self._traffic.deployments_per_day / 1440.0
        releases = self._chance.due("deployments", np.full(steps, per_minute * TICK_SECONDS / 60))
        for _ in range(wrong.rollbacks):
            self._deployer.deployed(Tier.STANDARD)
            self._deployer.rolled_back(Tier.STANDARD, RollbackTrigger.INFERRED)
        for step in np.repeat(np.arange(steps), releases).tolist():
            self._platform.values.now = step
            self._deployer.deployed(Tier.STANDARD)
        self._platform.values.now = 0
        books.note(truth.ROLLBACKS, "", wrong.rollbacks, int(releases.sum()) + wrong.rollbacks)
