"""A paper bot at a candle's close, under the model `candle`: the backtest's rules, one candle at a time, in decimal money.

Decided at the close, filled at the next candle's open with fee and slippage; stops and targets inside candles as the backtest
has them. A group of events is the whole of one candle: it happens entirely or not at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
    """What fills cost and how amounts are rounded. Fees and slippage are fractions; `maker_fee` is that of resting orders."""

    symbol: str
    fee: Decimal
    slippage: Decimal
    amount_step: Decimal
    min_notional: Decimal
    maker_fee: Decimal | None = None


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
    held = state.positions.get(symbol, Position())
    events, cash, held = _inside_candle(state, held, candles, index, situation, next_id)
    equity = _equity(state, cash, held, situation, exact(candles.close[index]))
    after = _after(state, [*events, equity], situation.close_ms)
    action, blocked, reason = _action(signals, index, held, situation.document), None, "Exit"
    if action == "Exit" and not signals.exit[index]:
        reason = "MaxCandles"
    if action == "Enter":
        rest = situation.document.protect.cooldown_candles or 0
        blocked = "Cooldown" if after.rested.get(symbol, rest) < rest else situation.blocked or breach(after, situation.risk)
    fill: list[EventData] = []
    next_open = exact(candles.open[index + 1])
    if action == "Exit":
        fill = _order(situation.market, "sell", held.amount, next_open, ts=ts, reason=reason, cid=next_id())
    elif action == "Enter" and not blocked:
        budget = _budget(after, equity, signals, index, situation)
        amount, blocked = _entry_amount(budget, next_open, situation.market)
        if blocked is None:
            fill = _order(situation.market, "buy", amount, next_open, ts=ts, reason="Entry", cid=next_id())
    nodes, high = _nodes(signals, index), exact(candles.high[index])
    events.append(Decision(symbol=symbol, candle_open_ms=ts, action=action, blocked=blocked, high=high, nodes=nodes))
    return [*events, equity, *fill]


def sell_all(held: Position, market: PaperMarket, price: Decimal, *, ts: int, reason: str, cid: str) -> list[EventData]:
    """Return the events of selling a whole position at `price` before slippage."""
    return _order(market, "sell", held.amount, price, ts=ts, reason=reason, cid=cid)


def _action(signals: Signals, index: int, held: Position, document: StrategyDocument) -> Action:
    if held.amount > 0:
        longest = document.protect.max_candles_in_trade
        return "Exit" if signals.exit[index] or (longest and held.candles + 1 >= longest) else "None"
    return "Enter" if signals.entry[index] else "None"


def _inside_candle(
    state: LedgerState, held: Position, candles: Candles, index: int, situation: Situation, next_id: NextId
) -> tuple[list[EventData], Decimal, Position]:
    """Return the events inside a candle, with cash and position after them: steps of a ladder, then stop, then target."""
    if held.amount <= 0:
        return [], state.cash, held
    market, protect, ts = situation.market, situation.document.protect, int(candles.ts[index])
    open_, high, low = (exact(column[index]) for column in (candles.open, candles.high, candles.low))
    events: list[EventData] = []
    cash, refilled = state.cash, False
    while (level := _next_step(held, situation.document)) is not None and low <= level:
        stop, _ = _stop_price(held, situation.document)
        if open_ <= stop or level <= stop:
            break
        price = min(open_, level)
        amount, too_small = _entry_amount(_step_budget(state, held, cash, situation), price, _at_limit(market))
        if too_small or situation.blocked:
            break
        order = _order(_at_limit(market), "buy", amount, price, ts=ts, reason="LadderStep", cid=next_id())
        state = _after(state, order, situation.close_ms)
        held, cash, refilled = state.positions[market.symbol], state.cash, True
        events += order
    stop, reason = _stop_price(held, situation.document)
    average = held.notional / held.amount
    sold_at: Decimal | None = None
    if low <= stop:
        sold_at = min(open_, stop)
    elif protect.take_profit_percent is not None and not refilled:
        target = average * (1 + _percent(protect.take_profit_percent))
        if high >= target:
            sold_at, reason = max(open_, target), "TakeProfit"
    if sold_at is None:
        return events, cash, held
    events += _order(market, "sell", held.amount, sold_at, ts=ts, reason=reason, cid=next_id())
    return events, cash + _sold(market, held.amount, sold_at), Position()


def _stop_price(held: Position, document: StrategyDocument) -> tuple[Decimal, str]:
    """Return the higher of stop and trailing stop, 0 without either, and the reason that it gives."""
    protect, average = document.protect, held.notional / held.amount
    fixed = average * (1 - _percent(protect.stop_loss_percent)) if protect.stop_loss_percent is not None else Decimal(0)
    following = held.peak * (1 - _percent(protect.trailing_stop_percent)) if protect.trailing_stop_percent else Decimal(0)
    return max(fixed, following), "StopLoss" if fixed >= following else "TrailingStop"


def _next_step(held: Position, document: StrategyDocument) -> Decimal | None:
    """Return the price at which the ladder's next step waits, None without one."""
    ladder = document.entry.ladder
    if ladder is None or held.buys > ladder.steps:
        return None
    return held.first_price * (1 - _percent(ladder.spacing_percent) * held.buys)


def _step_budget(state: LedgerState, held: Position, cash: Decimal, situation: Situation) -> Decimal:
    ladder = situation.document.entry.ladder
    if ladder is None:
        return Decimal(0)
    share = cash / _slots(state, situation)
    cap = (share + held.cost) * _percent(ladder.cap_percent)
    return min(held.first_cost * Decimal(str(ladder.size_factor)) ** held.buys, share, cap - held.cost)


def _at_limit(market: PaperMarket) -> PaperMarket:
    """Return the market as a limit order meets it: it never pays more than its price."""
    return replace(market, slippage=Decimal(0), fee=market.fee if market.maker_fee is None else market.maker_fee)


def _percent(value: float) -> Decimal:
    return Decimal(str(value)) / 100


def _after(state: LedgerState, data: list[EventData], at_ms: int) -> LedgerState:
    """Return the state that the ledger will have: losses of this very candle count before anything is bought."""
    return fold((event("-", 1, seq=number, at_ms=at_ms, data=item) for number, item in enumerate(data, start=1)), state)


def _slots(state: LedgerState, situation: Situation) -> int:
    """Return between how many symbols the cash is shared: those without a position, this one counted always."""
    others = sum(position.amount > 0 for name, position in state.positions.items() if name != situation.market.symbol)
    return max(1, situation.symbols - others)


def _budget(state: LedgerState, equity: Equity, signals: Signals, index: int, situation: Situation) -> Decimal:
    """Return the quote currency that an entry decided at candle `index` may spend."""
    size = situation.document.entry.size
    share = equity.cash / _slots(state, situation)
    if size.quote is not None:
        wanted = Decimal(str(size.quote))
    elif size.risk_percent is not None and size.measure is not None:
        measure = float(signals.series[size.measure][index])
        close = exact(signals.series["close"][index])
        wanted = share * _percent(size.risk_percent) * close / exact(measure) if measure > 0 else Decimal(0)
    else:
        wanted = share * _percent(size.percent_of_equity or 0)
    return min(wanted, share, largest_position(equity.equity, situation.risk))


def _entry_amount(budget: Decimal, price: Decimal, market: PaperMarket) -> tuple[Decimal, str | None]:
    """Return the amount that `budget` buys, or why none: rounded down to the market's step."""
    paid = _with_slippage(price, market, 1)
    amount = (max(budget, Decimal(0)) / (paid * (1 + market.fee))).quantize(Decimal(1).scaleb(-12), rounding=ROUND_DOWN)
    amount = (amount // market.amount_step) * market.amount_step
    if amount <= 0 or amount * paid < market.min_notional:
        wanted = f"the market wants an order of {market.min_notional} or more"
        return Decimal(0), f"BelowMinimum: {budget:.2f} buys {amount}, {wanted}"
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
