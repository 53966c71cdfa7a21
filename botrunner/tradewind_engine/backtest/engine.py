"""A document over history: candles and costs in, report out. The same call serves `tw` and the pod in the cluster."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tradewind_api.document.digest import data_digest, strategy_digest
from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.validation import lookback_of
from tradewind_engine.analytics.drawdown import max_drawdown
from tradewind_engine.analytics.sharpe import sharpe
from tradewind_engine.analytics.sortino import sortino
from tradewind_engine.analytics.trades import profit_factor, win_rate
from tradewind_engine.backtest import kernel
from tradewind_engine.backtest.report import Report, Trade
from tradewind_engine.candles import CandleError, Candles, Floats, Integers, gaps
from tradewind_engine.strategy.evaluate import evaluate
from tradewind_engine.timeframes import periods_per_year, timeframe_ms

REASONS = {kernel.EXIT_SIGNAL: "Exit", kernel.EXIT_STOP: "StopLoss", kernel.EXIT_TARGET: "TakeProfit"}


@dataclass(frozen=True, slots=True)
class Costs:
    """Basis points of the notional (fee) and of the price (slippage)."""

    fee_bps: float = 10.0
    slippage_bps: float = 0.0


def run_backtest(
    document: StrategyDocument,
    candles: Mapping[str, Candles],
    *,
    timeframe: str,
    exchange: str = "",
    capital: float = 10_000.0,
    costs: Costs = Costs(),
) -> Report:
    """Return what the document would have done.

    Args:
        document: A valid document, parameters applied.
        candles: Closed candles by symbol, all of `timeframe`.
        timeframe: Of the candles; the document's own is the caller's choice to follow.
        exchange: Name for the data digest, empty for a local file.
        capital: Quote currency, split equally between the symbols.
        costs: What each fill pays.

    Raises:
        CandleError: If there is no symbol, or one has fewer candles than one decision needs.
        ValueError: If capital is not positive.
    """
    if not (capital > 0 and math.isfinite(capital)):
        raise ValueError(f"capital must be a positive amount, got {capital}")
    if not candles:
        raise CandleError("a backtest needs candles of at least one symbol")
    lookback = lookback_of(document)
    trades: list[Trade] = []
    curves: list[tuple[Integers, Floats]] = []
    fees = in_market = held = count = missing = 0.0
    for symbol, history in candles.items():
        if len(history) < lookback:
            raise CandleError(f"{symbol}: one decision needs {lookback} {timeframe} candles, there are {len(history)}")
        equity, table, inside, paid, amount = _run_symbol(document, history, capital / len(candles), costs)
        trades.extend(_trades(symbol, history, table))
        curves.append((history.ts, equity))
        fees, in_market, held, count = fees + paid, in_market + inside, held + (amount > 0), count + len(history)
        missing += sum((stop - start) // timeframe_ms(timeframe) for start, stop in gaps(history, timeframe_ms(timeframe)))
    trades.sort(key=lambda trade: (trade.exit_ms, trade.symbol))
    ts, equity = merge_curves(curves, capital / len(candles))
    figures = _figures(equity, trades, capital, timeframe) | {
        "feesPaid": fees,
        "timeInMarket": in_market / count,
        "openPositions": int(held),
        "candles": int(count),
        "missingCandles": int(missing),
        "fromMs": int(ts[0]),
        "toMs": int(ts[-1]) + timeframe_ms(timeframe),
        "buyAndHoldReturn": float(np.mean([h.close[-1] / h.open[0] - 1 for h in candles.values()])),
        "feeBps": costs.fee_bps,
        "slippageBps": costs.slippage_bps,
        "capital": capital,
    }
    digests = [data_digest(exchange, symbol, timeframe, history.column_bytes()) for symbol, history in candles.items()]
    return Report(
        strategy_digest=strategy_digest(document),
        data_digest=digests[0]
        if len(digests) == 1
        else data_digest(exchange, "+".join(candles), timeframe, [d.encode() for d in digests]),
        timeframe=timeframe,
        figures=figures,
        trades=trades,
        equity=list(zip(ts.tolist(), equity.tolist(), strict=True)),
        warnings=_warnings(len(trades), int(missing), costs),
    )


def merge_curves(curves: list[tuple[Integers, Floats]], start: float) -> tuple[Integers, Floats]:
    """Return the sum of equity curves over the union of their times; before its first candle a part is worth `start`."""
    if len(curves) == 1:
        return curves[0]
    ts = np.unique(np.concatenate([times for times, _ in curves]))
    total = np.zeros(ts.size)
    for times, equity in curves:
        place = np.searchsorted(times, ts, side="right") - 1
        total += np.where(place < 0, start, equity[np.maximum(place, 0)])
    return ts, total


def _run_symbol(
    document: StrategyDocument, history: Candles, capital: float, costs: Costs
) -> tuple[Floats, Floats, int, float, float]:
    signals = evaluate(document, history)
    size, protect = document.entry.size, document.protect
    result: tuple[Floats, Floats, int, float, float] = kernel.run(
        history.open,
        history.high,
        history.low,
        history.close,
        signals.entry,
        signals.exit,
        float(capital),
        float(size.percent_of_equity or 0) / 100.0,
        float(size.quote or 0),
        costs.fee_bps / 10_000.0,
        costs.slippage_bps / 10_000.0,
        float(protect.stop_loss_percent or 0) / 100.0,
        float(protect.take_profit_percent or 0) / 100.0,
    )
    return result


def _trades(symbol: str, history: Candles, table: Floats) -> list[Trade]:
    return [
        Trade(
            symbol=symbol,
            entry_ms=int(history.ts[int(row[kernel.ENTRY_INDEX])]),
            exit_ms=int(history.ts[int(row[kernel.EXIT_INDEX])]),
            entry_price=row[kernel.ENTRY_PRICE],
            exit_price=row[kernel.EXIT_PRICE],
            amount=row[kernel.AMOUNT],
            profit=row[kernel.PROFIT],
            fees=row[kernel.FEES],
            reason=REASONS[row[kernel.REASON]],
        )
        for row in table.tolist()
    ]


def _figures(equity: Floats, trades: list[Trade], capital: float, timeframe: str) -> dict[str, float | int | None]:
    from_start = np.concatenate([[capital], equity])
    per_year = periods_per_year(timeframe)
    profits = [trade.profit for trade in trades]
    return {
        "trades": len(trades),
        "totalReturn": float(equity[-1]) / capital - 1.0,
        "maxDrawdown": max_drawdown(from_start),
        "sharpe": sharpe(equity, periods_per_year=per_year),
        "sortino": sortino(equity, periods_per_year=per_year),
        "winRate": win_rate(profits),
        "profitFactor": profit_factor(profits),
        "equityFinal": float(equity[-1]),
    }


def _warnings(trades: int, missing: int, costs: Costs) -> list[str]:
    found = []
    if trades < 30:
        found.append(f"only {trades} closed trades: too few to tell skill from luck")
    if missing:
        found.append(f"{missing} candles are missing; no fill happens in them")
    if costs.fee_bps == 0:
        found.append("no fee was charged: no exchange works for nothing")
    return found
