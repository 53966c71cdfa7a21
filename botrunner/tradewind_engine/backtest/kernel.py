"""The loops over candles, compiled: signals in, trades and equity out. The only file that knows numba.

Decides at a candle's close and fills at the next candle's open; stops, targets and ladders act inside candles, from the entry
candle on. Knows nothing about documents, symbols or time. docs/reference/backtest-semantics.md states each rule.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from tradewind_engine.candles import Floats
from tradewind_engine.operations import recursions

# Columns of the trade table.
ENTRY_INDEX, EXIT_INDEX, ENTRY_PRICE, EXIT_PRICE, AMOUNT, PROFIT, FEES, REASON = range(8)
COLUMNS = 8
EXIT_SIGNAL, EXIT_STOP, EXIT_TARGET, EXIT_TRAILING, EXIT_TIME = 0.0, 1.0, 2.0, 3.0, 4.0


class Rules(NamedTuple):
    """What holds for a whole run. Fractions, never percent; 0 means that a rule is not used.

    Exactly one of `share` (of the cash), `quote` (fixed amount) and `risk` (of the cash for one `measure`) sizes an entry.
    """

    capital: float
    share: float = 0.0
    quote: float = 0.0
    risk: float = 0.0
    fee: float = 0.0
    slippage: float = 0.0
    stop: float = 0.0
    target: float = 0.0
    trailing: float = 0.0
    longest: int = 0
    cooldown: int = 0
    steps: int = 0
    spacing: float = 0.0
    factor: float = 1.0
    cap: float = 1.0


class Totals(NamedTuple):
    """Sums of a run: closed trades, how many of them won, candles in the market, costs, notional traded, amount still held."""

    closed: int
    won: int
    in_market: int
    fees: float
    slippage: float
    turnover: float
    amount: float


class Moments(NamedTuple):
    """Of the simple returns from close to close: number, mean, sample deviation, downside deviation; of the curve: drawdowns.

    `drawdown` is the largest as a fraction of its peak, `longest` the candles from a peak to the next higher close, or the end.
    """

    number: int
    mean: float
    deviation: float
    downside: float
    drawdown: float
    longest: int


@njit(cache=True, nogil=True)
def _budget(cash, close, measure, rules):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - numba
    """Return the quote currency that an entry decided at `close` spends."""
    if rules.risk > 0.0:
        return cash * rules.risk * close / measure if measure > 0.0 else 0.0  # NaN is not greater either
    return rules.quote if rules.share == 0.0 else cash * rules.share


@njit(cache=True, nogil=True)
def _stop_price(average, peak, rules):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - numba
    """Return the higher of the stop and the trailing stop, 0 without either."""
    fixed = average * (1.0 - rules.stop) if rules.stop > 0.0 else 0.0
    following = peak * (1.0 - rules.trailing) if rules.trailing > 0.0 else 0.0
    return max(fixed, following)


@njit(cache=True, nogil=True)
def run(open_, high, low, close, entry, exit_, measure, rules, equity, trades):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, D417, C901, PLR0912, PLR0915 - numba compiles one flat loop
    """Simulate one symbol.

    Args:
        open_, high, low, close: Prices, shape (n,).
        entry, exit_: What the strategy says at each close, shape (n,).
        measure: In units of price, shape (n,) where `rules.risk` is used, else (0,).
        rules: See Rules.
        equity: Filled with the account's value at each close, shape (n,).
        trades: Filled with closed trades, shape (m, COLUMNS); those beyond m are counted only.

    Returns:
        Totals.
    """
    cash = rules.capital
    amount = 0.0
    notional = 0.0  # of the buys that are held, without fees
    spent = 0.0  # the same with fees
    entry_fees = 0.0
    first_price = 0.0
    first_budget = 0.0
    budget = 0.0
    cap = 0.0
    peak = 0.0
    entry_index = 0
    step = 0
    closed = 0
    won = 0
    in_market = 0
    fees = 0.0
    slipped = 0.0
    turnover = 0.0
    pending = 0  # 1 buy, -1 sell at the next open
    pending_reason = EXIT_SIGNAL
    rest_until = 0
    for i in range(close.size):
        if pending == 0 and amount == 0.0:  # the usual case, kept short
            if entry[i] and i >= rest_until:
                budget = _budget(cash, close[i], measure[i] if rules.risk > 0.0 else 0.0, rules)
                pending = 1 if budget > 0.0 else 0
            equity[i] = cash
            continue
        sold_at = 0.0
        reason = EXIT_SIGNAL
        if pending == 1:
            first_budget = min(budget, cash)
            price = open_[i] * (1.0 + rules.slippage)
            amount = first_budget / (price * (1.0 + rules.fee))
            notional = amount * price
            entry_fees = notional * rules.fee
            spent = notional + entry_fees
            slipped += amount * open_[i] * rules.slippage
            cap = cash * rules.cap
            cash -= spent
            first_price = open_[i]
            peak = price
            entry_index = i
            step = 0
        elif pending == -1:
            sold_at = open_[i]
            reason = pending_reason
        pending = 0
        if sold_at == 0.0:
            average = notional / amount
            stop_price = _stop_price(average, peak, rules)
            refilled = False
            while step < rules.steps and open_[i] > stop_price:
                level = first_price * (1.0 - rules.spacing * (step + 1))
                if low[i] > level or level <= stop_price:
                    break
                price = min(open_[i], level)
                more = min(first_budget * rules.factor ** (step + 1), cash, cap - spent)
                if more <= 0.0:
                    break
                bought = more / (price * (1.0 + rules.fee))
                amount += bought
                notional += bought * price
                entry_fees += bought * price * rules.fee
                spent += more
                cash -= more
                step += 1
                refilled = True
                average = notional / amount
                stop_price = _stop_price(average, peak, rules)
            if low[i] <= stop_price:
                sold_at = min(open_[i], stop_price)
                fixed = rules.stop > 0.0 and stop_price == average * (1.0 - rules.stop)
                reason = EXIT_STOP if fixed else EXIT_TRAILING
            elif rules.target > 0.0 and not refilled and high[i] >= average * (1.0 + rules.target):
                sold_at = max(open_[i], average * (1.0 + rules.target))
                reason = EXIT_TARGET
            peak = max(peak, high[i])
        if sold_at > 0.0:
            price = sold_at * (1.0 - rules.slippage)
            fee_paid = amount * price * rules.fee
            proceeds = amount * price - fee_paid
            cash += proceeds
            fees += entry_fees + fee_paid
            slipped += amount * sold_at * rules.slippage
            turnover += notional + amount * price
            if closed < trades.shape[0]:
                trades[closed, ENTRY_INDEX] = entry_index
                trades[closed, EXIT_INDEX] = i
                trades[closed, ENTRY_PRICE] = notional / amount
                trades[closed, EXIT_PRICE] = price
                trades[closed, AMOUNT] = amount
                trades[closed, PROFIT] = proceeds - spent
                trades[closed, FEES] = entry_fees + fee_paid
                trades[closed, REASON] = reason
            closed += 1
            won += proceeds > spent
            amount = 0.0
            rest_until = i + rules.cooldown
            if entry[i] and i >= rest_until:
                budget = _budget(cash, close[i], measure[i] if rules.risk > 0.0 else 0.0, rules)
                pending = 1 if budget > 0.0 else 0
        else:
            in_market += 1
            if exit_[i]:
                pending = -1
                pending_reason = EXIT_SIGNAL
            elif rules.longest > 0 and i - entry_index + 1 >= rules.longest:
                pending = -1
                pending_reason = EXIT_TIME
        equity[i] = cash + amount * close[i]
    if amount > 0.0:
        fees += entry_fees
        turnover += notional
    return Totals(closed, won, in_market, fees, slipped, turnover, amount)


@njit(cache=True, nogil=True)
def moments(equity, sums, squares):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, D417 - numba
    """Measure an equity curve in one pass.

    Args:
        equity: Shape (n,), all > 0.
        sums, squares: Filled with the sums of returns and of their squares in equal stretches of time, shape (b,).

    Returns:
        Moments. Mean and deviation are those of all n - 1 returns.
    """
    count = equity.size - 1
    blocks = sums.size
    below = 0.0
    worst = 1.0
    peak = equity[0]
    peak_index = 0
    longest = 0
    total = 0.0
    total_squares = 0.0
    for block in range(blocks):
        part = 0.0
        part_squares = 0.0
        for i in range(1 + count * block // blocks, 1 + count * (block + 1) // blocks):
            now = equity[i]
            before = equity[i - 1]
            if now == before:  # not in the market
                continue
            change = now / before - 1.0
            part += change
            part_squares += change * change
            if change < 0.0:
                below += change * change
            if now > peak:
                longest = max(longest, i - peak_index)
                peak = now
                peak_index = i
            elif now < worst * peak:
                worst = now / peak
        sums[block] = part
        squares[block] = part_squares
        total += part
        total_squares += part_squares
    if count < 1:
        return Moments(count, 0.0, 0.0, 0.0, 0.0, 0)
    if equity[count] < peak:
        longest = max(longest, count - peak_index)
    mean = total / count
    spread = max(0.0, total_squares - count * mean * mean)
    deviation = np.sqrt(spread / (count - 1)) if count > 1 else 0.0
    return Moments(count, mean, deviation, np.sqrt(below / count), 1.0 - worst, longest)


def _compiled(loop: Callable[..., None]) -> Callable[[Floats, Any], Floats]:
    compiled = njit(cache=True, nogil=True)(loop)

    def call(values: Floats, number: Any) -> Floats:
        out = np.empty(values.size)
        compiled(values, number, out)
        return out

    return call


COMPILED = recursions.Recursions(*(_compiled(loop) for loop in (recursions.weighted, recursions.wilder, recursions.strength)))
