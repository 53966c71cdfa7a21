"""The loops over candles, compiled: signals in, trades and equity out. Compiled by numba, as are `compiled`, `measures`.

Decides at a candle's close and fills at the next candle's open; stops, targets and ladders act inside candles, from the entry
candle on. Knows nothing about documents, symbols or time. docs/reference/backtest-semantics.md states each rule.
"""

from typing import Any, NamedTuple

import numpy as np

from tradewind_engine.backtest.loading import loop
from tradewind_engine.candles import Booleans

# Columns of the trade table.
ENTRY_INDEX, EXIT_INDEX, ENTRY_PRICE, EXIT_PRICE, AMOUNT, PROFIT, FEES, REASON = range(8)
COLUMNS = 8
SECOND_HALF, SECOND_PAIRS, SECOND_BYTES = map(np.uint64, (0xFFFFFFFF00000000, 0xFFFF0000FFFF0000, 0xFF00FF00FF00FF00))
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
    maker: float = 0.0  # the fee of a ladder's steps, which rest in the book
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
    amount_step: float = 0.0
    min_notional: float = 0.0


class Totals(NamedTuple):
    """Sums of a run: closed trades, how many of them won, candles in the market, costs, notional traded, amount still held."""

    closed: int
    won: int
    in_market: int
    fees: float
    slippage: float
    turnover: float
    amount: float


@loop
def _budget(cash, close, measure, rules):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - numba
    """Return the quote currency that an entry decided at `close` spends."""
    if rules.risk > 0.0:
        return cash * rules.risk * close / measure if measure > 0.0 else 0.0  # NaN is not greater either
    return rules.quote if rules.share == 0.0 else cash * rules.share


@loop
def _fitting(amount, price, rules):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - numba
    """Return what of `amount` the market takes: whole steps of it, and nothing below its smallest order."""
    if rules.amount_step > 0.0:  # 0.3 / 0.1 is a little less than 3 in binary numbers
        amount = np.floor(amount / rules.amount_step + 1e-9) * rules.amount_step
    return amount if amount * price >= rules.min_notional else 0.0


@loop
def _around(average, rules):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - numba
    """Return stop and target of a position bought at `average`: 0 and infinity where there is none."""
    stop = average * (1.0 - rules.stop) if rules.stop > 0.0 else 0.0
    target = average * (1.0 + rules.target) if rules.target > 0.0 else np.inf
    return stop, target


def words_of(flags: Booleans) -> Any:
    """Return flags, eight at a time, without those that do not fill a word."""
    return flags[: flags.size & ~7].view(np.uint64)


@loop
def _next(flags, words, i):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - numba
    """Return the first place from `i` on where a flag is set, n if none is; `words` are the flags, eight at a time.

    Which of eight is told without a branch, as no processor could guess it. Places are unsigned here
    and in the loops that fill: of a signed one each access asks whether it counts from the end.
    """
    word = i >> 3
    if word < words.size:
        before = np.uint64(8 * (i & 7))
        found = words[np.uint64(word)] >> before << before
        while found == 0 and word + 1 < words.size:
            word += 1
            found = words[np.uint64(word)]
        if found != 0:
            lowest = found & (~found + np.uint64(1))
            upper, odd_pair, odd = (lowest & SECOND_HALF) != 0, (lowest & SECOND_PAIRS) != 0, (lowest & SECOND_BYTES) != 0
            return 8 * word + 4 * int(upper) + 2 * int(odd_pair) + int(odd)
        i = 8 * words.size
    while i < flags.size and not flags[np.uint64(i)]:
        i += 1
    return i


@loop
def _fill_level(equity, start, stop, cash):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - numba
    """Fill the account's value at closes in [start, stop) at which nothing is held."""
    for k in range(np.uint64(start), np.uint64(stop)):
        equity[k] = cash


@loop
def _fill_held(equity, close, start, stop, cash, amount):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - numba
    """Fill the account's value at closes in [start, stop) at which `amount` is held."""
    for k in range(np.uint64(start), np.uint64(stop)):
        equity[k] = cash + amount * close[k]


@loop
def run(open_, high, low, close, entry, exit_, entry_words, exit_words, measure, rules, equity, trades):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, D417, C901, PLR0912, PLR0915 - numba compiles one flat loop
    """Simulate one symbol.

    Args:
        open_, high, low, close: Prices, shape (n,).
        entry, exit_: What the strategy says at each close, shape (n,).
        entry_words, exit_words: The same, see `words_of`.
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
    fixed_stop = 0.0
    target_price = np.inf
    watched = rules.stop > 0.0 or rules.target > 0.0 or rules.trailing > 0.0 or rules.steps > 0
    steady = rules.trailing == 0.0 and rules.steps == 0 and rules.longest == 0
    candles = close.size
    i = -1
    while i + 1 < candles:
        i += 1
        if pending == 0 and amount == 0.0:  # on to the next entry
            start = i
            i = _next(entry, entry_words, max(i, rest_until))
            _fill_level(equity, start, min(i + 1, candles), cash)
            if i < candles:
                budget = _budget(cash, close[i], measure[i] if rules.risk > 0.0 else 0.0, rules)
                pending = 1 if budget > 0.0 else 0
            continue
        if pending == 0 and steady:  # on to the next candle in which anything happens
            start = i
            if watched:
                while i < candles and not (exit_[i] or low[i] <= fixed_stop or high[i] >= target_price):
                    i += 1
            else:
                i = _next(exit_, exit_words, i)
            in_market += i - start
            _fill_held(equity, close, start, i, cash, amount)
            if i >= candles:
                break
        sold_at = 0.0
        reason = EXIT_SIGNAL
        if pending == 1:
            first_budget = min(budget, cash)
            price = open_[i] * (1.0 + rules.slippage)
            amount = _fitting(first_budget / (price * (1.0 + rules.fee)), price, rules)
            if amount == 0.0:  # too small an order: nothing happened, and this candle's close may decide again
                pending = 0
                i -= 1
                continue
            notional = amount * price
            entry_fees = notional * rules.fee
            spent = notional + entry_fees
            if rules.amount_step > 0.0:
                first_budget = spent  # steps of a ladder follow what was spent, not what was to be
            slipped += amount * open_[i] * rules.slippage
            cap = cash * rules.cap
            cash -= spent
            first_price = price
            peak = price
            entry_index = i
            step = 0
            fixed_stop, target_price = _around(price, rules)
        elif pending == -1:
            sold_at = open_[i]
            reason = pending_reason
        pending = 0
        if watched and sold_at == 0.0:
            stop_price = max(fixed_stop, peak * (1.0 - rules.trailing)) if rules.trailing > 0.0 else fixed_stop
            refilled = False
            while step < rules.steps and open_[i] > stop_price:
                level = first_price * (1.0 - rules.spacing * (step + 1))
                if low[i] > level or level <= stop_price:
                    break
                price = min(open_[i], level)
                more = min(first_budget * rules.factor ** (step + 1), cash, cap - spent)
                if more <= 0.0:
                    break
                bought = _fitting(more / (price * (1.0 + rules.maker)), price, rules)
                if bought == 0.0:
                    break
                if rules.amount_step > 0.0:
                    more = bought * price * (1.0 + rules.maker)
                amount += bought
                notional += bought * price
                entry_fees += bought * price * rules.maker
                spent += more
                cash -= more
                step += 1
                refilled = True
                fixed_stop, target_price = _around(notional / amount, rules)
                stop_price = max(fixed_stop, peak * (1.0 - rules.trailing)) if rules.trailing > 0.0 else fixed_stop
            if low[i] <= stop_price:
                sold_at = min(open_[i], stop_price)
                reason = EXIT_STOP if stop_price == fixed_stop else EXIT_TRAILING
            elif high[i] >= target_price and not refilled:
                sold_at = max(open_[i], target_price)
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
