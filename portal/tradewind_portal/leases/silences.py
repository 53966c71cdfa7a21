"""Which exchanges want silence from which address: what one bot is told, all that share its address should keep.

Requests that go out into a ban make it longer, for everybody behind the address. In memory: whoever is banned says so with each
heartbeat. A silence is believed for a quarter of an hour and then has to be said again, so that one pod cannot stop others for
longer than it lives.
"""

from time import monotonic

from tradewind_api.runner import LEASE_SECONDS

Place = tuple[str, str]
"""An exchange of the platform, and the address that a pod is taken to have there."""


class Silences:
    """Of the whole platform."""

    def __init__(self) -> None:
        self._until: dict[Place, float] = {}

    def note(self, place: Place, seconds: int) -> None:
        """Take in for how long an exchange wants no requests, as a bot was told it; 0 says nothing."""
        if seconds > 0:
            until = monotonic() + min(seconds, LEASE_SECONDS)
            self._until[place] = max(self._until.get(place, 0.0), until)

    def left(self, place: Place) -> int:
        """Return for how many seconds more nobody should ask, rounded down, so that it does not grow from mouth to mouth."""
        left = int(self._until.get(place, 0.0) - monotonic())
        if left <= 0:
            self._until.pop(place, None)
        return max(0, left)
