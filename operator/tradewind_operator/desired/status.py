"""Conditions and the summary word. Times are put in last, and only where a status flipped, so that equal facts are equal."""

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fact:
    """One condition, before its times."""

    type: str
    holds: bool | None
    reason: str
    message: str = ""


def conditions(facts: list[Fact], before: list[Object], *, generation: int, now: str) -> list[Object]:
    """Return facts as conditions; `lastTransitionTime` moves only when the status differs from `before`."""
    known = {condition["type"]: condition for condition in before}
    found = []
    for fact in facts:
        status = "Unknown" if fact.holds is None else str(fact.holds)
        old = known.get(fact.type)
        same = old is not None and old.get("status") == status
        found.append(
            {
                "type": fact.type,
                "status": status,
                "reason": fact.reason,
                "message": fact.message[:2000],
                "observedGeneration": generation,
                "lastTransitionTime": old["lastTransitionTime"] if same and old else now,
            }
        )
    return found
