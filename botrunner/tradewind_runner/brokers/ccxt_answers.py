"""ccxt's orders, trades and balances, read strictly: what cannot be is refused as a whole and never half booked.

An answer of an exchange is somebody else's data. A number that is none, negative or absurd, an order of another symbol, side
or id, a trade that comes twice with different numbers, a time that has not come: each makes the answer one that was not
understood.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from tradewind_api.ledger import Side
from tradewind_engine.trading.orders import MOST, Report, ReportStatus, Trade
from tradewind_engine.trading.rounding import MarketRules
from tradewind_runner.brokers.errors import OutcomeUnknownError
from tradewind_runner.brokers.port import Balances, SeenOrder

ZERO, FUTURE_MS, LONGEST_ID = Decimal(0), 60_000, 64
STATUS: dict[str, ReportStatus] = {
    "open": "Open",
    "canceling": "Open",
    "closed": "Filled",
    "canceled": "Canceled",
    "expired": "Expired",
    "rejected": "Rejected",
}


def read_order(raw: Any, *, symbol: str, latest_ms: float) -> SeenOrder:
    """Return one order of ccxt, its client id as the exchange spells it. Raises OutcomeUnknownError where it cannot be."""
    if not isinstance(raw, dict):
        raise OutcomeUnknownError("the answer is no order")
    identity, status, side = read_identity(raw.get("id")), STATUS.get(str(raw.get("status"))), raw.get("side")
    if identity is None or status is None or side not in ("buy", "sell") or raw.get("symbol") != symbol:
        told = ", ".join(f"{name} {raw.get(name)!r:.40}" for name in ("id", "status", "side", "symbol"))
        raise OutcomeUnknownError(f"the answer is no order of {symbol}: {told}")
    created = raw.get("timestamp")
    if created is not None and (not isinstance(created, int) or created > latest_ms):
        raise OutcomeUnknownError(f"order {identity} is of a time that has not come: {created!r:.40}")
    amount, filled = read_number(raw.get("amount"), "amount"), read_number(raw.get("filled"), "filled")
    kind = str(raw.get("type") or "").lower()
    price = None if kind == "market" else read_number(raw.get("price"), "price")  # ccxt puts a market order's average there
    trades = read_trades(raw.get("trades") or [], symbol=symbol)  # None, where an exchange tells no trades
    if amount and filled > amount:
        raise OutcomeUnknownError(f"order {identity} is filled with {filled} of {amount}")
    if sum((trade.amount for trade in trades), ZERO) > filled:
        raise OutcomeUnknownError(f"order {identity} has more trades than its {filled}")
    return SeenOrder(
        symbol,
        str(raw.get("clientOrderId") or ""),
        side,
        _word(raw, kind),
        amount,
        price or None,
        max(0, created or 0),  # ccxt reads -1 from a stop that does not work yet
        Report(identity, status, filled, trades),
    )


def read_trades(raw: Any, *, symbol: str, side: Side | None = None) -> tuple[Trade, ...]:
    """Return trades of ccxt, each once. Raises OutcomeUnknownError where one cannot be."""
    found: dict[str, Trade] = {}
    if not isinstance(raw, list):
        raise OutcomeUnknownError("the answer is no list of trades")
    for item in raw:
        trade = _trade(item, symbol, side)
        if found.setdefault(trade.trade_id, trade) != trade:
            raise OutcomeUnknownError(f"trade {trade.trade_id} comes twice with different numbers")
    return tuple(found.values())


def read_balances(raw: Any) -> Balances:
    """Return balances of ccxt. Raises OutcomeUnknownError where they cannot be."""
    total, free = (raw.get("total"), raw.get("free")) if isinstance(raw, dict) else (None, None)
    if not isinstance(total, dict) or not isinstance(free, dict):
        raise OutcomeUnknownError("the answer holds no balances")
    return Balances(_amounts(total), _amounts(free))


def read_rules(market: Any) -> MarketRules:
    """Return a market's rules from ccxt's description. Raises OutcomeUnknownError where they cannot be."""
    if not isinstance(market, dict):
        raise OutcomeUnknownError("the answer is no market")
    limits, precision = _part(market, "limits"), _part(market, "precision")
    cost, amount = _part(limits, "cost"), _part(limits, "amount")
    return MarketRules(
        str(market.get("symbol")),
        read_number(precision.get("amount"), "amount step") or Decimal("0.00000001"),
        price_tick=read_number(precision.get("price"), "price tick"),
        min_notional=read_number(cost.get("min"), "least order"),
        max_notional=read_number(cost.get("max"), "largest order") or None,
        min_amount=read_number(amount.get("min"), "least amount"),
        max_amount=read_number(amount.get("max"), "largest amount") or None,
    )


def _part(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = raw.get(name)
    return found if isinstance(found, dict) else {}


def _amounts(raw: Mapping[str, Any]) -> dict[str, Decimal]:
    return {str(name): read_number(value, f"balance of {name!s:.20}") for name, value in raw.items() if value is not None}


def _trade(raw: Any, symbol: str, side: Side | None) -> Trade:
    if not isinstance(raw, dict):
        raise OutcomeUnknownError("the answer is no trade")
    identity = read_identity(raw.get("id"))
    amount, price = read_number(raw.get("amount"), "amount"), read_number(raw.get("price"), "price")
    wrong_side = side is not None and raw.get("side") not in (None, side)
    if identity is None or not amount or not price or raw.get("symbol") != symbol or wrong_side:
        raise OutcomeUnknownError(f"trade {identity} of {raw.get('symbol')!r:.40} cannot be: {amount} at {price}")
    fee = raw.get("fee") or {}
    if not isinstance(fee, dict):
        raise OutcomeUnknownError(f"the fee of trade {identity} cannot be {fee!r:.40}")
    cost, currency = fee.get("cost"), str(fee.get("currency") or symbol.split("/")[1])
    charged = ZERO if cost is None else read_number(cost, "fee", negative=True)  # a maker's may be a rebate
    return Trade(identity, amount, price, charged, currency[:20])


def _word(raw: Mapping[str, Any], kind: str) -> str:
    """Return the exchange's own word for the type of an order, which tells a stop from a limit."""
    info = raw.get("info")
    word = info.get("type") if isinstance(info, dict) else None
    return word[:30].lower() if isinstance(word, str) and word else kind


def read_identity(value: Any) -> str | None:
    """Return an id of an exchange, None where it cannot be one."""
    text = value if isinstance(value, str) else str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
    return text if 0 < len(text) <= LONGEST_ID and text.isprintable() and text != "None" else None


def read_number(value: Any, name: str, *, negative: bool = False) -> Decimal:
    """Return a number of any kind that an exchange or ccxt gives; None is 0. Raises OutcomeUnknownError where it cannot be."""
    if value is None:
        return ZERO
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation as exc:
        raise OutcomeUnknownError(f"{name} is no number: {value!r:.40}") from exc
    if not number.is_finite() or abs(number) >= MOST or (number < 0 and not negative):
        raise OutcomeUnknownError(f"{name} cannot be {value!s:.40}")
    return number
