"""Orders that matching takes, and what it tells about them. Shapes only; see `matching`.

They are named tuples because many are made: a frozen dataclass takes twice as long to make.
"""

from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias

from tradewind_api.ledger import Side

Kind = Literal["market", "limit", "post_only", "stop_loss", "stop_loss_limit", "take_profit", "take_profit_limit"]
TimeInForce = Literal["GTC", "IOC", "FOK"]
Prevention = Literal["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"]
End = Literal["Filled", "Expired", "Rejected", "Prevented"]
LIMITED: frozenset[str] = frozenset({"limit", "post_only", "stop_loss_limit", "take_profit_limit"})
STOPPED: frozenset[str] = frozenset({"stop_loss", "stop_loss_limit", "take_profit", "take_profit_limit"})
WOULD_MATCH = "Order would immediately match and take."
WOULD_TRIGGER = "Order would trigger immediately."


class Offer(NamedTuple):
    """An order as matching takes it. At least one of `amount` (base) and `most_quote` bounds it.

    Orders of the same `owner` do not trade with each other unless `prevention` is NONE. Bad combinations are the caller's to
    refuse: a limited kind has a price, a stopped kind has a stop price.
    """

    order_id: str
    side: Side
    kind: Kind
    amount: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    most_quote: Decimal | None = None
    time_in_force: TimeInForce = "GTC"
    owner: str = ""
    prevention: Prevention = "EXPIRE_MAKER"


class Fill(NamedTuple):
    """A part of an order was traded at `price`. Where two orders of ours met, both fills have the same `number`."""

    order_id: str
    number: int
    amount: Decimal
    price: Decimal
    maker: bool
    time_ms: int


class Triggered(NamedTuple):
    """The market printed the order's stop price: from now on it is a market or limit order."""

    order_id: str
    time_ms: int


class Ended(NamedTuple):
    """The order will not trade any more. `Prevented`: it met an order of its owner. Rejected orders never were."""

    order_id: str
    outcome: End
    time_ms: int
    reason: str = ""


Outcome: TypeAlias = Fill | Triggered | Ended
