"""A paper bot at a candle's close, under the model `candle`: the backtest's rules, one candle at a time, in decimal money.

Decided at the close, filled at the next candle's open with fee and slippage; stops and targets inside candles as the backtest
has them. A group of events is the whole of one candle: it happens entirely or not at all.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tradewind_api.document.model import StrategyDocument
from tradewind_api.fold import fold
from tradewind_api.heard import EPOCH_CHARACTERS, NUMBER_CHARACTERS, base36
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
)
from tradewind_api.operations import PRICES
from tradewind_api.runner import RiskLimits
from tradewind_engine.candles import Candles
from tradewind_engine.strategy.decide import Action
from tradewind_engine.strategy.evaluate import Signals
from tradewind_engine.trading.identity import client_order_id
from tradewind_engine.trading.risk import breach, largest_purchase
from tradewind_engine.trading.sizing import (
    PRICE_DIGITS,
    PaperMarket,
    at_limit,
    entry_amount,
    entry_budget,
    exact,
    next_step,
    share_of_cash,
    step_budget,
    stop_price,
    target_price,
    with_slippage,
)


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


class NextId:
    """Gives the next client order id; a callable, so that ids are made only where an order is."""

    def __init__(self, bot_uid: str, epoch: int) -> None:
        self._number, self._prefix = 0, client_order_id(bot_uid, epoch, 0)[:EPOCH_CHARACTERS]

    def __call__(self) -> str:
        """Return an id that this epoch has not used."""
        self._number += 1
        return self._prefix + base36(self._number, NUMBER_CHARACTERS)


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
    equity = equity_at(state, cash, held, symbol=symbol, close=exact(candles.close[index]), prices=situation.prices)
    after = _after(state, [*events, equity], situation.close_ms)
    action, blocked, reason = wanted_action(signals, index, held, situation.document), None, "Exit"
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
        share = share_of_cash(after, equity.cash, symbol, situation.symbols)
        budget = entry_budget(situation.document, signals, index, share=share, equity=equity.equity, risk=situation.risk)
        amount, blocked = entry_amount(budget, next_open, situation.market)
        if blocked is None:
            fill = _order(situation.market, "buy", amount, next_open, ts=ts, reason="Entry", cid=next_id())
    nodes, high = node_values(signals, index), exact(candles.high[index])
    events.append(Decision(symbol=symbol, candle_open_ms=ts, action=action, blocked=blocked, high=high, nodes=nodes))
    return [*events, equity, *fill]


def sell_all(held: Position, market: PaperMarket, price: Decimal, *, ts: int, reason: str, cid: str) -> list[EventData]:
    """Return the events of selling a whole position at `price` before slippage."""
    return _order(market, "sell", held.amount, price, ts=ts, reason=reason, cid=cid)


def wanted_action(signals: Signals, index: int, held: Position, document: StrategyDocument) -> Action:
    """Return what the strategy wants at the close of candle `index`."""
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
    market, ts = situation.market, int(candles.ts[index])
    open_, high, low = (exact(column[index]) for column in (candles.open, candles.high, candles.low))
    events: list[EventData] = []
    cash, refilled = state.cash, False
    while (level := next_step(held, situation.document)) is not None and low <= level:
        stop, _ = stop_price(held, situation.document)
        if open_ <= stop or level <= stop:
            break
        price = min(open_, level)
        share = share_of_cash(state, cash, market.symbol, situation.symbols)
        most = largest_purchase(held, price, state.equity, situation.risk)
        amount, too_small = entry_amount(step_budget(held, share, situation.document, most), price, at_limit(market))
        if too_small or situation.blocked:
            break
        order = _order(at_limit(market), "buy", amount, price, ts=ts, reason="LadderStep", cid=next_id())
        state = _after(state, order, situation.close_ms)
        held, cash, refilled = state.positions[market.symbol], state.cash, True
        events += order
    stop, reason = stop_price(held, situation.document)
    target = target_price(held, situation.document)
    sold_at: Decimal | None = None
    if low <= stop:
        sold_at = min(open_, stop)
    elif target is not None and not refilled and high >= target:
        sold_at, reason = max(open_, target), "TakeProfit"
    if sold_at is None:
        return events, cash, held
    events += _order(market, "sell", held.amount, sold_at, ts=ts, reason=reason, cid=next_id())
    return events, cash + _sold(market, held.amount, sold_at), Position()


def _after(state: LedgerState, data: list[EventData], at_ms: int) -> LedgerState:
    """Return the state that the ledger will have: losses of this very candle count before anything is bought."""
    return fold((event("-", 1, seq=number, at_ms=at_ms, data=item) for number, item in enumerate(data, start=1)), state)


def _order(
    market: PaperMarket, side: Side, amount: Decimal, price: Decimal, *, ts: int, reason: str, cid: str
) -> list[EventData]:
    paid = with_slippage(price, market, 1 if side == "buy" else -1)
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
    paid = with_slippage(price, market, -1)
    return amount * paid - (amount * paid * market.fee).quantize(PRICE_DIGITS)


def equity_at(
    state: LedgerState, cash: Decimal, held: Position, *, symbol: str, close: Decimal, prices: Mapping[str, Decimal]
) -> Equity:
    """Return what all is worth at a candle's close: `cash`, `held` of `symbol`, and the rest at the newest prices known."""
    prices = {**{name: prices[name] for name in state.positions if name in prices}, symbol: close}
    others = Decimal(0)
    for name, position in state.positions.items():
        if name != symbol:  # without a price it is worth what was paid for it
            others += position.amount * prices[name] if name in prices else position.notional
    return Equity(equity=cash + held.amount * close + others, cash=cash, prices=prices)


def node_values(signals: Signals, index: int) -> dict[str, bool | float | None]:
    """Return the value of each node at the close of candle `index`, None for NaN."""
    found: dict[str, bool | float | None] = {}
    for name, values in signals.series.items():
        if name in PRICES:
            continue
        value: bool | float = values[index].item()
        found[name] = value if math.isfinite(value) else None
    return found
