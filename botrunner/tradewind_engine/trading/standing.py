"""What a bot may do now, as one function of what is known: buy and sell, only sell, or nothing by itself.

`Active` takes new risk; `Reducing` only gives risk up, by exits and stops; `Halted` waits for a person, and closes what its
strategy wants closed as long as the exchange lets it. Every reason is kept, for a trader who removes one should see the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tradewind_api.runner import BotState


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known; an empty string or list says that there is nothing to say. Texts go to the trader as they are.

    `halted` is the ledger's, `refused` the exchange's word on key or region, `unsafe` what the key may do and must not,
    `unchecked` that nobody has said yet what it may do, `gate` a difference that the comparison with the exchange has left,
    `disk` why nothing can be written down, `data` why prices cannot be relied on.
    """

    halted: str = ""
    refused: str = ""
    unsafe: str = ""
    unchecked: str = ""
    kill: Sequence[str] = ()
    lease_ended: bool = False
    run_policy: Literal["Running", "Paused", "Stopped"] = "Running"
    close_now: bool = False
    update_pending: bool = False
    gate: str = ""
    disk: str = ""
    data: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """The state and why, the most important reason first. Each reason begins with a word for its kind."""

    state: BotState
    reasons: tuple[str, ...] = ()

    @property
    def blocked(self) -> str | None:
        """Why nothing may be bought, None if it may."""
        return self.reasons[0] if self.reasons else None


def standing(facts: Facts) -> Standing:
    """Return what follows from the facts."""
    halts = [
        facts.halted and f"Halted: {facts.halted}",
        facts.refused and f"Refused: {facts.refused}",
        facts.unsafe and f"Refused: {facts.unsafe}",
    ]
    reductions = [
        facts.kill and f"Killed: {', '.join(facts.kill)}",
        facts.run_policy if facts.run_policy != "Running" else "",
        "CloseNow" if facts.close_now else "",
        "LeaseEnded: the portal has not renewed the lease" if facts.lease_ended else "",
        facts.unchecked,
        facts.gate and f"Unreconciled: {facts.gate}",
        facts.disk and f"DiskFull: {facts.disk}",
        facts.data and f"StaleData: {facts.data}",
        "UpdatePending" if facts.update_pending else "",
    ]
    stops = [str(reason) for reason in halts if reason]
    reasons = (*stops, *(str(reason) for reason in reductions if reason))
    return Standing("Halted" if stops else "Reducing" if reasons else "Active", reasons)
