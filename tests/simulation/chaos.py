"""What goes wrong, drawn from a seed: the nth chance of a kind falls the same way in each run, whatever else happens.

A fault has a name, `kind#n`. A run that is given the names of some faults has these and no others, so that a failure can be
made smaller until every fault that is left is needed.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable


class Chaos:
    """Draws faults. `fired` holds the names of those that happened, in their order; none happen while it is `quiet`."""

    def __init__(self, seed: int, only: Iterable[str] | None = None) -> None:
        self.seed, self.quiet = seed, False
        self.fired: list[str] = []
        self._only = None if only is None else frozenset(only)
        self._chances: Counter[str] = Counter()

    def number(self, what: str) -> float:
        """Return a number in [0, 1) that depends on seed and name alone."""
        digest = hashlib.blake2b(f"{self.seed} {what}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64

    def draw(self, kind: str) -> float:
        """Return the next number of a kind; not a fault."""
        self._chances[kind] += 1
        return self.number(f"{kind}#{self._chances[kind]}")

    def happens(self, kind: str, probability: float) -> bool:
        """Return whether a fault of this kind happens now."""
        self._chances[kind] += 1
        name = f"{kind}#{self._chances[kind]}"
        if self.quiet or self.number(name) >= probability or (self._only is not None and name not in self._only):
            return False
        self.fired.append(name)
        return True

    def one_of(self, call: str, faults: dict[str, float]) -> str:
        """Return which fault this call meets, an empty string for none."""
        return next((fault for fault, probability in faults.items() if self.happens(f"{call}-{fault}", probability)), "")

    def span(self, kind: str) -> float:
        """Return how much risk, added up step by step, the next fault of a kind waits for: on average 1, as life times do."""
        return -math.log(1 - self.draw(kind))


def smallest(faults: list[str], fails: Callable[[list[str]], bool]) -> list[str]:
    """Return a sublist that still fails and of which no part can be left out (delta debugging, Zeller and Hildebrandt 2002)."""
    parts = 2
    while len(faults) >= 2:
        size = -(-len(faults) // parts)
        pieces = [faults[start : start + size] for start in range(0, len(faults), size)]
        for piece in pieces:
            rest = [fault for fault in faults if fault not in piece]
            if fails(rest):
                faults, parts = rest, max(parts - 1, 2)
                break
        else:
            if parts >= len(faults):
                break
            parts = min(parts * 2, len(faults))
    return faults
