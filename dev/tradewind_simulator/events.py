"""What happens to orders and balances, told at once to whoever listens: the user-data stream, and tests.

Publishing is synchronous, so listeners are called in the order of events and before the order's own answer is sent, and must
not wait. Whether an event is suppressed, doubled or held back is the fault plane's affair, on the listener's side.
"""

from collections.abc import Callable
from typing import Any, NamedTuple


class OrderEvent(NamedTuple):
    """An event of the account of `api_key`; `payload` is the dialect's `executionReport` or `outboundAccountPosition`.

    An account with several keys has one event for each of them, with the same payload, which nobody may change.
    """

    api_key: str
    payload: dict[str, Any]


Listener = Callable[[OrderEvent], None]


class Events:
    """A synchronous publish and subscribe."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def __bool__(self) -> bool:
        """Whether anybody listens; events that nobody hears need not be made."""
        return bool(self._listeners)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` for every event from now on; what is returned ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def publish(self, event: OrderEvent) -> None:
        """Tell everybody who listens now."""
        for listener in tuple(self._listeners):
            listener(event)
