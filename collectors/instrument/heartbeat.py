"""A heartbeat: what an agent says of itself to whoever keeps the roster."""

from __future__ import annotations

import json
from dataclasses import dataclass

from collectors.instrument.values import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """One agent is there.

    Attributes:
        healthy: Its own health check passed.
        draining: It is about to stop as planned; its silence will cost no budget.
        leads: Group that it calls itself leader of; empty for none.
    """

    name: str
    role: Role
    instance_id: str
    healthy: bool = True
    draining: bool = False
    leads: str = ""

    def to_json(self) -> str:
        """The heartbeat as a message."""
        return json.dumps(
            {
                "name": self.name,
                "role": self.role.value,
                "instance_id": self.instance_id,
                "healthy": self.healthy,
                "draining": self.draining,
                "leads": self.leads,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Heartbeat:
        """Read a message.

        Raises:
            ValueError: Not a heartbeat.
        """
        try:
            found = json.loads(text)
            return cls(
                name=str(found["name"]),
                role=Role(found["role"]),
                instance_id=str(found["instance_id"]),
                healthy=found["healthy"] is True,
                draining=found["draining"] is True,
                leads=str(found.get("leads", "")),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            msg = f"not a heartbeat: {text[:80]!r}"
            raise ValueError(msg) from error
