"""What was asked and what became of it, in the order of arrival: what tests look at when all is over."""

from collections import deque
from dataclasses import dataclass
from typing import Any

KEPT = 20_000  # about 1 KiB each


@dataclass(slots=True)
class Entry:
    """A request. `executed` is whether the exchange did what was asked, whatever the client was then told.

    `status` is what the client was answered, None if it was answered nothing; `faults` are the numbers of the rules that
    were applied.
    """

    seq: int
    at_ms: int
    method: str
    path: str
    params: dict[str, str]
    api_key: str
    address: str
    executed: bool = False
    code: int | None = None
    order_id: int | None = None
    status: int | None = None
    faults: tuple[int, ...] = ()

    def view(self) -> dict[str, Any]:
        """Return the entry as JSON; signatures are left out."""
        return {
            "seq": self.seq,
            "atMs": self.at_ms,
            "method": self.method,
            "path": self.path,
            "params": {name: value for name, value in self.params.items() if name != "signature"},
            "apiKey": self.api_key,
            "address": self.address,
            "executed": self.executed,
            "code": self.code,
            "orderId": self.order_id,
            "status": self.status,
            "faults": self.faults,
        }


class Journal:
    """The last requests, at most KEPT of them."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._seq = 0

    def begin(self, at_ms: int, method: str, path: str, params: dict[str, str], api_key: str, address: str) -> Entry:
        """Note a request that has arrived."""
        self._seq += 1
        entry = Entry(self._seq, at_ms, method, path, params, api_key, address)
        self._entries.append(entry)
        return entry

    def read(self, *, since: int = 0, method: str | None = None, path: str | None = None) -> list[dict[str, Any]]:
        """Return the entries after number `since`, of a method and a path where they are given."""
        return [
            entry.view()
            for entry in self._entries
            if entry.seq > since and method in {None, entry.method} and path in {None, entry.path}
        ]

    def clear(self) -> None:
        """Forget all entries; numbers go on."""
        self._entries.clear()
