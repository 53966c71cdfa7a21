"""What bots say of themselves that holds them back, from their heartbeats: what lasts is worth telling people.

A reason that no person can do anything about, or that somebody asked for, is left out; what passes between two heartbeats is
never told. In memory: after a restart of the portal it is told again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tradewind_api.runner import BotState

ASKED_FOR = frozenset({"Halted", "Killed", "Paused", "Stopped", "CloseNow", "UpdatePending", "LeaseEnded"})
"""Told from elsewhere (ledger, kill switches, leases), or what the owner has asked for himself."""
HEARTBEATS = 2


@dataclass(frozen=True, slots=True)
class Said:
    """The first words about something, and in how many heartbeats it stood without a break."""

    kind: str
    message: str
    times: int = 1

    def about(self, other: "Said") -> bool:
        """Return whether both tell of the same: their figures and the exchange's own words may differ."""
        return (self.kind, self.message.partition(":")[0]) == (other.kind, other.message.partition(":")[0])


class Complaints:
    """Of all bots, by uid."""

    def __init__(self) -> None:
        self._said: dict[str, Said] = {}

    def hear(self, bot_uid: str, state: BotState, reasons: Sequence[str]) -> None:
        """Take in one heartbeat. A halted bot says something final, which counts at once."""
        found = first_of(reasons)
        if found is None:
            self._said.pop(bot_uid, None)
            return
        said, before = Said(*found, HEARTBEATS if state == "Halted" else 1), self._said.get(bot_uid)
        if before is not None and before.about(said):  # the first words stay: a notice that changes is written anew
            said = replace(before, times=before.times + 1)
        self._said[bot_uid] = said

    def forget(self, bot_uid: str) -> None:
        """Let another pod begin without them."""
        self._said.pop(bot_uid, None)

    def of(self, bot_uid: str) -> tuple[str, str] | None:
        """Return (reason, message) of what holds a bot back by its own words, None if nothing has lasted."""
        said = self._said.get(bot_uid)
        return (said.kind, said.message) if said is not None and said.times >= HEARTBEATS else None


def first_of(reasons: Sequence[str]) -> tuple[str, str] | None:
    """Return kind and message of the first reason that people should hear of.

    >>> first_of(["Paused", "Refused: CredentialsRefused: Invalid API-key"])
    ('CredentialsRefused', 'Invalid API-key')
    """
    for reason in reasons:
        kind, _, message = reason.removeprefix("Refused: ").partition(": ")
        if kind not in ASKED_FOR:
            return kind, message or kind
    return None
