"""An order and a trade as the exchange keeps them, and as its answers and events show them."""

from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from tradewind_simulator.accounts import Account
from tradewind_simulator.parameters import Wanted

ZERO = Decimal(0)


@lru_cache(maxsize=4096)  # an order's numbers are printed in its answer and in each of its events
def number(value: Decimal | None) -> str:
    """Return a number as the exchange prints it: eight digits after the point."""
    return "0.00000000" if not value else f"{value:.8f}"


class TradeRecord(NamedTuple):
    """A fill, with what was charged for it."""

    trade_id: int
    amount: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    time_ms: int


@dataclass(slots=True)
class OrderRecord:
    """An order; `locked` is what it still holds of the account's money (quote for a buy, base for a sale)."""

    order_id: int
    account: Account
    wanted: Wanted
    symbol: str
    amount: Decimal
    time_ms: int
    status: str = "NEW"
    working_ms: int = -1
    updated_ms: int = 0
    executed: Decimal = ZERO
    spent: Decimal = ZERO
    locked: Decimal = ZERO
    trades: list[TradeRecord] = field(default_factory=list)
    hidden_times: int = 0
    hidden_until_ms: int = 0

    def common(self) -> dict[str, Any]:
        """Return what every view of an order has."""
        wanted = self.wanted
        found: dict[str, Any] = {
            "symbol": self.symbol,
            "orderId": self.order_id,
            "orderListId": -1,
            "clientOrderId": wanted.cid,
            "price": number(wanted.price),
            "origQty": number(self.amount),
            "executedQty": number(self.executed),
            "origQuoteOrderQty": number(wanted.quote_amount),
            "cummulativeQuoteQty": number(self.spent),
            "status": self.status,
            "timeInForce": wanted.time_in_force,
            "type": wanted.order_type,
            "side": wanted.side,
            "selfTradePreventionMode": wanted.prevention,
        }
        if wanted.stop_price is not None:
            found["stopPrice"] = number(wanted.stop_price)
        return found

    def answer(self) -> dict[str, Any]:
        """Return the answer to placing it, as short or long as was wanted."""
        if self.wanted.answer == "ACK":
            return {
                "symbol": self.symbol,
                "orderId": self.order_id,
                "orderListId": -1,
                "clientOrderId": self.wanted.cid,
                "transactTime": self.time_ms,
            }
        found = self.common()
        found["transactTime"], found["workingTime"] = self.time_ms, self.working_ms
        if self.wanted.answer == "FULL":
            found["fills"] = [
                {
                    "price": number(trade.price),
                    "qty": number(trade.amount),
                    "commission": number(trade.fee),
                    "commissionAsset": trade.fee_asset,
                    "tradeId": trade.trade_id,
                }
                for trade in self.trades
            ]
        return found

    def view(self) -> dict[str, Any]:
        """Return the order as a look-up shows it."""
        return {
            **self.common(),
            "stopPrice": number(self.wanted.stop_price),
            "icebergQty": "0.00000000",
            "time": self.time_ms,
            "updateTime": self.updated_ms or self.time_ms,
            "isWorking": self.working_ms >= 0,
            "workingTime": self.working_ms,
        }

    def cancelled(self, cancel_cid: str, now_ms: int) -> dict[str, Any]:
        """Return the answer to cancelling it."""
        found = self.common()
        found["origClientOrderId"], found["clientOrderId"] = self.wanted.cid, cancel_cid
        found["transactTime"] = now_ms
        return found

    def trade_views(self) -> list[dict[str, Any]]:
        """Return its trades as myTrades shows them."""
        return [trade_view(self, trade) for trade in self.trades]

    def report(self, execution: str, now_ms: int, trade: TradeRecord | None = None, cancel_cid: str = "") -> dict[str, Any]:
        """Return the event `executionReport` for what just happened: NEW, CANCELED, REJECTED, TRADE or EXPIRED."""
        wanted = self.wanted
        found = {
            "e": "executionReport",
            "E": now_ms,
            "s": self.symbol,
            "c": cancel_cid or wanted.cid,
            "S": wanted.side,
            "o": wanted.order_type,
            "f": wanted.time_in_force,
            "q": number(self.amount),
            "p": number(wanted.price),
            "P": number(wanted.stop_price),
            "F": "0.00000000",
            "g": -1,
            "C": wanted.cid if cancel_cid else "",
            "x": execution,
            "X": self.status,
            "r": "NONE",
            "i": self.order_id,
            "l": number(trade.amount if trade else None),
            "z": number(self.executed),
            "L": number(trade.price if trade else None),
            "n": number(trade.fee) if trade else "0",
            "N": trade.fee_asset if trade else None,
            "T": trade.time_ms if trade else now_ms,
            "t": trade.trade_id if trade else -1,
            "I": self.order_id * 10 + len(self.trades),
            "w": self.order_id in self.account.open and self.working_ms >= 0,
            "m": bool(trade and trade.maker),
            "M": False,
            "O": self.time_ms,
            "Z": number(self.spent),
            "Y": number(trade.amount * trade.price if trade else None),
            "Q": number(wanted.quote_amount),
            "V": wanted.prevention,
        }
        if self.working_ms >= 0:
            found["W"] = self.working_ms
        return found


def trade_view(order: OrderRecord, trade: TradeRecord) -> dict[str, Any]:
    """Return a trade as myTrades shows it."""
    return {
        "symbol": order.symbol,
        "id": trade.trade_id,
        "orderId": order.order_id,
        "orderListId": -1,
        "price": number(trade.price),
        "qty": number(trade.amount),
        "quoteQty": number(trade.amount * trade.price),
        "commission": number(trade.fee),
        "commissionAsset": trade.fee_asset,
        "time": trade.time_ms,
        "isBuyer": order.wanted.side == "BUY",
        "isMaker": trade.maker,
        "isBestMatch": True,
    }
