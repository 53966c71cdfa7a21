"""A paper bot at a candle's close, under the model `candle`: the backtest's rules, one candle at a time, in decimal money.

Decided at the close, filled at the next candle's open with fee and slippage; stops and targets inside candles as the backtest
has them. A group of events is the whole of one candle: it happens entirely or not at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

import numpy as np

from tradewind_api.document.model import StrategyDocument
from tradewind_api.ledger import (
    Acknowledged,
    Closed,
    Decision,
    Equity,
    EventData,
    Filled,
    Intended,
    LedgerState,
    Position,
    Side,
    event,
    fold,
)
from tradewind_api.operations import PRICES
from tradewind_api.runner import RiskLimits
from tradewind_engine.candles import Candles
from tradewind_engine.strategy.decide import Action
from tradewind_engine.strategy.evaluate import Signals
from tradewind_engine.trading.identity import client_order_id
from tradewind_engine.trading.risk import breach, largest_position

PRICE_DIGITS = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class PaperMarket:
    """What fills cost and how amounts are rounded. Fee and slippage are fractions."""

    symbol: str
    fee: Decimal
    slippage: Decimal
    amount_step: Decimal
    min_notional: Decimal


@dataclass(frozen=True, slots=True)
class Situation:
    """What a candle is judged by besides its numbers. `blocked` names why nothing may be bought, None if it may."""

    document: StrategyDocument
    market: PaperMarket
    risk: RiskLimits
    symbols: int
    prices: Mapping[str, Decimal]
    blocked: str | None
    close_ms: int


def exact(value: float) -> Decimal:
    """Return a price of an exchange as the decimal number that was printed."""
    return Decimal(repr(float(value)))


class NextId:
    """Gives the next client order id; a callable, so that ids are made only where an order is."""

    def __init__(self, bot_uid: str, epoch: int) -> None:
        self._bot_uid, self._epoch, self._number = bot_uid, epoch, 0

    def __call__(self) -> str:
        """Return an id that this epoch has not used."""
        self._number += 1
        return client_order_id(self._bot_uid, self._epoch, self._number)


def candle_events(
    state: LedgerState, candles: Candles, signals: Signals, index: int, situation: Situation, next_id: NextId
) -> list[EventData]:
    """Return the events of the candle at `index`, which is closed; the candle after it must be there, if only begun.

    The order is that of the backtest: stop or target inside the candle, decision at its close, equity at its close, and the
    fill at the next open.
    """
    symbol, ts = situation.market.symbol, int(candles.ts[index])
    events: list[EventData] = []
    held = state.positions.get(symbol, Position())
    cash = state.cash
    protected = _protective_price(held, candles, index, situation.document) if held.amount > 0 else None
    if protected is not None:
        price, reason = protected
        events += _order(situation.market, "sell", held.amount, price, ts=ts, reason=reason, cid=next_id())
        proceeds = _sold(situation.market, held.amount, price)
        cash, held = cash + proceeds, Position()
    equity = _equity(state, cash, held, situation, exact(candles.close[index]))
    action, blocked = _action(signals, index, held), None
    if action == "Enter":
        blocked = situation.blocked or breach(_after(state, [*events, equity], situation.close_ms), situation.risk)
    fill: list[EventData] = []
    next_open = exact(candles.open[index + 1])
    if action == "Exit":
        fill = _order(situation.market, "sell", held.amount, next_open, ts=ts, reason="Exit", cid=next_id())
    elif action == "Enter" and not blocked:
        amount, blocked = _entry_amount(state, equity, next_open, situation)
        if blocked is None:
            fill = _order(situation.market, "buy", amount, next_open, ts=ts, reason="Entry", cid=next_id())
    events.append(Decision(symbol=symbol, candle_open_ms=ts, action=action, blocked=blocked, nodes=_nodes(signals, index)))
    return [*events, equity, *fill]


def sell_all(held: Position, market: PaperMarket, price: Decimal, *, ts: int, reason: str, cid: str) -> list[EventData]:
    """Return the events of selling a whole position at `price` before slippage."""
    return _order(market, "sell", held.amount, price, ts=ts, reason=reason, cid=cid)


def _action(signals: Signals, index: int, held: Position) -> Action:
    if held.amount > 0:
        return "Exit" if signals.exit[index] else "None"
    return "Enter" if signals.entry[index] else "None"


def _protective_price(held: Position, candles: Candles, index: int, document: StrategyDocument) -> tuple[Decimal, str] | None:
    """Return price and reason of a stop or target that was hit inside the candle; the stop first, a gap at the open."""
    entry, protect = held.notional / held.amount, document.protect
    open_, high, low = (exact(column[index]) for column in (candles.open, candles.high, candles.low))
    if protect.stop_loss_percent is not None:
        stop = entry * (1 - Decimal(str(protect.stop_loss_percent)) / 100)
        if low <= stop:
            return min(open_, stop), "StopLoss"
    if protect.take_profit_percent is not None:
        target = entry * (1 + Decimal(str(protect.take_profit_percent)) / 100)
        if high >= target:
            return max(open_, target), "TakeProfit"
    return None


def _after(state: LedgerState, data: list[EventData], at_ms: int) -> LedgerState:
    """Return the state that the ledger will have: losses of this very candle count before anything is bought."""
    return fold((event("-", 1, seq=number, at_ms=at_ms, data=item) for number, item in enumerate(data, start=1)), state)


def _entry_amount(state: LedgerState, equity: Equity, price: Decimal, situation: Situation) -> tuple[Decimal, str | None]:
    """Return the amount to buy, or why none: rounded down to the market's step, never more than cash and limits allow."""
    market, size = situation.market, situation.document.entry.size
    others = sum(position.amount > 0 for name, position in state.positions.items() if name != market.symbol)
    share = equity.cash / max(1, situation.symbols - others)
    wanted = Decimal(str(size.quote)) if size.quote is not None else share * Decimal(str(size.percent_of_equity)) / 100
    budget = min(wanted, share, largest_position(equity.equity, situation.risk))
    paid = _with_slippage(price, market, 1)
    amount = (budget / (paid * (1 + market.fee))).quantize(Decimal(1).scaleb(-12), rounding=ROUND_DOWN)
    amount = (amount // market.amount_step) * market.amount_step
    if amount <= 0 or amount * paid < market.min_notional:
        return Decimal(
            0
        ), f"BelowMinimum: {budget:.2f} buys {amount}, the market wants an order of {market.min_notional} or more"
    return amount, None


def _order(
    market: PaperMarket, side: Side, amount: Decimal, price: Decimal, *, ts: int, reason: str, cid: str
) -> list[EventData]:
    paid = _with_slippage(price, market, 1 if side == "buy" else -1)
    fee = (amount * paid * market.fee).quantize(PRICE_DIGITS)
    quote = market.symbol.split("/")[1]
    return [
        Intended(client_order_id=cid, symbol=market.symbol, side=side, amount=amount, candle_open_ms=ts, reason=reason),
        Acknowledged(client_order_id=cid, exchange_order_id=f"paper-{cid}"),
        Filled(
            client_order_id=cid,
            trade_id=f"paper-{cid}-1",
            symbol=market.symbol,
            side=side,
            amount=amount,
            price=paid,
            fee=fee,
            fee_currency=quote,
        ),
        Closed(client_order_id=cid, outcome="Filled"),
    ]


def _sold(market: PaperMarket, amount: Decimal, price: Decimal) -> Decimal:
    paid = _with_slippage(price, market, -1)
    return amount * paid - (amount * paid * market.fee).quantize(PRICE_DIGITS)


def _with_slippage(price: Decimal, market: PaperMarket, direction: int) -> Decimal:
    return (price * (1 + direction * market.slippage)).quantize(PRICE_DIGITS)


def _equity(state: LedgerState, cash: Decimal, held: Position, situation: Situation, close: Decimal) -> Equity:
    symbol = situation.market.symbol
    prices = {**{name: situation.prices[name] for name in state.positions if name in situation.prices}, symbol: close}
    others = Decimal(0)
    for name, position in state.positions.items():
        if name != symbol:  # without a price it is worth what was paid for it
            others += position.amount * prices[name] if name in prices else position.notional
    return Equity(equity=cash + held.amount * close + others, cash=cash, prices=prices)


def _nodes(signals: Signals, index: int) -> dict[str, bool | float | None]:
    found: dict[str, bool | float | None] = {}
    for name, values in signals.series.items():
        if name in PRICES:
            continue
        value = values[index]
        if isinstance(value, np.bool_):
            found[name] = bool(value)
        else:
            found[name] = float(value) if np.isfinite(value) else None
    return found
