"""The loop over candles: signals in, fills and equity out. The only file that knows numba.

Decides at a candle's close and fills at the next candle's open; stops and targets act inside candles, from the entry candle
on. Knows nothing about documents, symbols or time.
"""

import numpy as np
from numba import njit

# Columns of the trade table.
ENTRY_INDEX, EXIT_INDEX, ENTRY_PRICE, EXIT_PRICE, AMOUNT, PROFIT, FEES, REASON = range(8)
COLUMNS = 8
EXIT_SIGNAL, EXIT_STOP, EXIT_TARGET = 0.0, 1.0, 2.0


@njit(cache=True, nogil=True)
def run(open_, high, low, close, entry, exit_, capital, share, quote, fee, slippage, stop, target):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, D417, C901, PLR0915 - numba compiles one flat loop
    """Simulate one symbol.

    Args:
        open_, high, low, close: Prices, shape (n,).
        entry, exit_: What the strategy says at each close, shape (n,).
        capital: Quote currency at the start.
        share: Fraction of the equity that an entry spends, 0 where `quote` is used.
        quote: Fixed quote amount that an entry spends.
        fee, slippage: Fractions of the notional and of the price.
        stop, target: Fractions of the entry price; 0 means none.

    Returns:
        equity (n,), trades (m, COLUMNS) closed ones, candles in the market, fees paid, amount still held.
    """
    n = close.size
    equity = np.empty(n)
    trades = np.empty((n // 2 + 1, COLUMNS))
    closed = 0
    cash = capital
    amount = 0.0
    entry_price = 0.0
    entry_fee = 0.0
    entry_index = 0
    spent = 0.0
    fees = 0.0
    in_market = 0
    pending = 0  # 1 buy, -1 sell at the next open
    for i in range(n):
        sold_at = 0.0
        reason = EXIT_SIGNAL
        if pending == 1:
            budget = min(cash, quote if share == 0.0 else cash * share)
            entry_price = open_[i] * (1.0 + slippage)
            amount = budget / (entry_price * (1.0 + fee))
            entry_fee = amount * entry_price * fee
            spent = amount * entry_price + entry_fee
            cash -= spent
            fees += entry_fee
            entry_index = i
        elif pending == -1:
            sold_at = open_[i]
        pending = 0
        if amount > 0.0 and sold_at == 0.0:
            stop_price = entry_price * (1.0 - stop)
            target_price = entry_price * (1.0 + target)
            if stop > 0.0 and low[i] <= stop_price:
                sold_at = min(open_[i], stop_price)
                reason = EXIT_STOP
            elif target > 0.0 and high[i] >= target_price:
                sold_at = max(open_[i], target_price)
                reason = EXIT_TARGET
        if sold_at > 0.0:
            price = sold_at * (1.0 - slippage)
            fee_paid = amount * price * fee
            proceeds = amount * price - fee_paid
            cash += proceeds
            fees += fee_paid
            trades[closed, ENTRY_INDEX] = entry_index
            trades[closed, EXIT_INDEX] = i
            trades[closed, ENTRY_PRICE] = entry_price
            trades[closed, EXIT_PRICE] = price
            trades[closed, AMOUNT] = amount
            trades[closed, PROFIT] = proceeds - spent
            trades[closed, FEES] = entry_fee + fee_paid
            trades[closed, REASON] = reason
            closed += 1
            if closed == trades.shape[0]:
                larger = np.empty((closed * 2, COLUMNS))
                larger[:closed] = trades
                trades = larger
            amount = 0.0
        if amount > 0.0:
            in_market += 1
            if exit_[i]:
                pending = -1
        elif entry[i]:
            pending = 1
        equity[i] = cash + amount * close[i]
    return equity, trades[:closed], in_market, fees, amount
