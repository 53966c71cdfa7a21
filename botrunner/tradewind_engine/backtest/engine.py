"""A document over history: candles and costs in, report out. The same call serves `tw` and the pod in the cluster."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tradewind_api.document.model import MAX_HISTORY, StrategyDocument
from tradewind_api.document.validation import lookback_of
from tradewind_engine.analytics.buy_and_hold import buy_and_hold_return
from tradewind_engine.analytics.cagr import cagr
from tradewind_engine.analytics.calmar import calmar
from tradewind_engine.analytics.expectancy import expectancy
from tradewind_engine.analytics.profit_factor import profit_factor
from tradewind_engine.analytics.sharpe import sharpe
from tradewind_engine.analytics.sortino import sortino
from tradewind_engine.analytics.time_in_market import time_in_market
from tradewind_engine.analytics.total_return import total_return
from tradewind_engine.analytics.turnover import turnover
from tradewind_engine.analytics.win_rate import win_rate
from tradewind_engine.backtest import compiled, kernel, measures
from tradewind_engine.backtest.curves import merge_curves
from tradewind_engine.backtest.report import Report, SymbolTrades
from tradewind_engine.backtest.simulate import (
    ANY_ORDER,
    NO_MARKETS,
    NO_TRADES,
    NOTHING,
    Costs,
    MarketRules,
    SymbolRun,
    at_market,
    rules_of,
    simulate,
)
from tradewind_engine.backtest.tape import play, tape_of
from tradewind_engine.candles import Booleans, CandleError, Candles, Floats, gaps
from tradewind_engine.strategy.evaluate import layers_of
from tradewind_engine.timeframes import periods_per_year, timeframe_ms

DEFAULT_COSTS = Costs()
NO_ROOMS: Mapping[str, Floats] = {}


def run_backtest(
    document: StrategyDocument,
    candles: Mapping[str, Candles],
    *,
    timeframe: str,
    exchange: str = "",
    capital: float = 10_000.0,
    costs: Costs = DEFAULT_COSTS,
    markets: Mapping[str, MarketRules] = NO_MARKETS,
    decide_from_ms: int = 0,
    rooms: Mapping[str, Floats] = NO_ROOMS,
    closed: Callable[[SymbolTrades], object] | None = None,
) -> Report:
    """Return what the document would have done.

    Args:
        document: A valid document, parameters applied.
        candles: Closed candles by symbol, all of `timeframe`.
        timeframe: Of the candles; the document's own is the caller's choice to follow.
        exchange: Name for the data digest, empty for a local file.
        capital: Quote currency, split equally between the symbols.
        costs: What each fill pays.
        markets: What the market of a symbol takes; without it any amount is taken.
        decide_from_ms: Opening of the first candle at whose close an entry may be decided; earlier ones only inform.
        rooms: By symbol, filled with its equity at each close, shape (n,); of a single one the report keeps it.
        closed: Called with the closed trades of each symbol before anything is measured, which takes a while.

    Raises:
        CandleError: If there is no symbol, or one has fewer candles than one decision needs.
        ValueError: If capital is not positive.
    """
    if not (capital > 0 and math.isfinite(capital)):
        raise ValueError(f"capital must be a positive amount, got {capital}")
    check_history(document, candles, timeframe)
    rules = rules_of(document, capital / len(candles), costs)
    runs = {
        symbol: run_symbol(
            document,
            history,
            at_market(rules, markets.get(symbol, ANY_ORDER)),
            decide_from_ms=decide_from_ms,
            room=rooms.get(symbol),
        )
        for symbol, history in candles.items()
    }
    tables = [SymbolTrades(symbol, candles[symbol].ts, run.trades) for symbol, run in runs.items()]
    if closed:
        for table in tables:
            closed(table)
    ts, equity = merge_curves([(candles[symbol].ts, run.equity) for symbol, run in runs.items()], rules.capital)
    length = timeframe_ms(timeframe)
    missing = sum((b - a) // length for history in candles.values() for a, b in gaps(history, length))
    figures = {
        **_figures_of_runs(list(runs.values()), equity, capital, timeframe),
        "candles": sum(map(len, candles.values())),
        "missingCandles": int(missing),
        "fromMs": int(ts[0]),
        "toMs": int(ts[-1]) + length,
        "buyAndHoldReturn": buy_and_hold_return(candles.values()),
        "feeBps": costs.fee_bps,
        "makerBps": costs.fee_bps if costs.maker_bps is None else costs.maker_bps,
        "slippageBps": costs.slippage_bps,
        "capital": capital,
    }
    return Report(
        document=document,
        candles=dict(candles),
        exchange=exchange,
        timeframe=timeframe,
        figures=figures,
        tables=tables,
        ts=ts,
        equity=equity,
        warnings=_warnings(int(figures["trades"] or 0), int(missing), costs),
        markets={symbol: market for symbol in candles if (market := markets.get(symbol, ANY_ORDER)) != ANY_ORDER},
    )


def check_history(document: StrategyDocument, candles: Mapping[str, Candles], timeframe: str) -> None:
    """Raise CandleError where a symbol has fewer candles than one decision needs, none, or other ones than nodes count on."""
    if not candles:
        raise CandleError("a backtest needs candles of at least one symbol")
    if timeframe != document.timeframe and any(node.timeframe for node in document.nodes):
        raise CandleError(
            f"the strategy has nodes of longer timeframes: it needs {document.timeframe} candles, not {timeframe}"
        )
    if min(map(len, candles.values())) >= MAX_HISTORY:
        return  # enough for any valid document
    lookback = lookback_of(document)
    for symbol, history in candles.items():
        if len(history) < lookback:
            whose = f"{symbol}: " if symbol else ""
            raise CandleError(f"{whose}one decision needs {lookback} {timeframe} candles, there are {len(history)}")


def run_symbol(
    document: StrategyDocument,
    history: Candles,
    rules: kernel.Rules,
    *,
    decide_from_ms: int = 0,
    room: Floats | None = None,
) -> SymbolRun:
    """Return what the document did with one symbol, no entry being decided on candles that open before `decide_from_ms`.

    `room` is filled with the equity if given, shape (n,).
    """
    entry, exit_, values = _signals(document, history)
    if decide_from_ms > history.ts[0]:
        entry = entry & (history.ts >= decide_from_ms)
    trades = np.empty((np.count_nonzero(entry), kernel.COLUMNS))  # each trade closed is one entry decided
    equity = np.empty(len(history)) if room is None else room
    totals = simulate(history, entry, exit_, values, rules, equity=equity, trades=trades)
    return SymbolRun(totals, trades[: totals.closed], equity)


def _signals(document: StrategyDocument, history: Candles) -> tuple[Booleans, Booleans, Floats]:
    """Return what a document says at each close, entry and exit, and the measure that sizes it, if one does."""
    measure = document.entry.size.measure
    tape = None if measure else tape_of(document)
    if tape is not None:
        return *play(tape, history), NOTHING
    layers = layers_of(document, history, compiled.COMPILED)
    exit_: Booleans = layers.own(document.exit.when) if document.exit else np.zeros(len(history), dtype=np.bool_)
    return layers.own(document.entry.when), exit_, layers.own(measure) if measure else NOTHING


def _figures_of_runs(
    runs: Sequence[SymbolRun], equity: Floats, capital: float, timeframe: str
) -> dict[str, float | int | None]:
    """Return what runs of symbols, and the sum of their equity, amount to."""
    trades = runs[0].trades if len(runs) == 1 else NO_TRADES  # those of several symbols overlap
    totals = [run.totals for run in runs]
    return {
        **_figures_of_curve(equity, capital, timeframe, trades),
        **_figures_of_trades(np.concatenate([run.trades[:, kernel.PROFIT] for run in runs])),
        "feesPaid": sum(total.fees for total in totals),
        "slippagePaid": sum(total.slippage for total in totals),
        "turnover": turnover(sum(total.turnover for total in totals), capital),
        "timeInMarket": time_in_market(sum(total.in_market for total in totals), sum(run.equity.size for run in runs)),
        "openPositions": sum(total.amount > 0 for total in totals),
    }


def _figures_of_curve(equity: Floats, capital: float, timeframe: str, trades: Floats) -> dict[str, float | int | None]:
    per_year = periods_per_year(timeframe)
    found = measures.moments(equity, np.empty(1), np.empty(1), trades)
    growth = cagr(float(equity[-1]) / capital, periods=equity.size, periods_per_year=per_year)
    return {
        "totalReturn": total_return(float(equity[-1]), capital),
        "cagr": growth,
        "maxDrawdown": found.drawdown,
        "longestDrawdown": found.longest,
        "sharpe": sharpe(found.mean, found.deviation, periods_per_year=per_year),
        "sortino": sortino(found.mean, found.downside, periods_per_year=per_year),
        "calmar": calmar(growth, found.drawdown),
        "equityFinal": float(equity[-1]),
    }


def _figures_of_trades(profits: Floats) -> dict[str, float | int | None]:
    count, gains, losses = profits.size, np.empty(profits.size), np.empty(profits.size)
    found = measures.tally(profits, gains, losses)
    total, gained, lost = (float(np.add.reduce(part)) for part in (profits, gains[: found.won], losses[: found.lost]))
    return {
        "trades": count,
        "winRate": win_rate(found.won, count),
        "profitFactor": profit_factor(gained, -lost),
        "expectancy": expectancy(total, count),
        "bestTrade": found.best if count else None,
        "worstTrade": found.worst if count else None,
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
