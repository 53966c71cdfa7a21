"""The peers' side of the comparison: run in their own environment, candles in, trades, returns and figures out.

Each candle becomes two rows: its open alone, then the whole of it. Decisions of one candle are filled at the next open row,
and stops set there act in the row after it. So both peers follow the rule that stops act from the entry candle on, which
neither of them has by itself. Indicators are the peers' own or pandas', never ours.
"""

import contextlib
import io
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

warnings.simplefilter("ignore")
FEE, STOP, TARGET = 0.001, 0.01, 0.02
CASH, SCALE = 2.0**40, 2.0**-20  # backtesting.py buys whole units: make them so small that they do not matter


def crossed(first, second):
    """Return where the first was at most the second one candle ago and is greater now; comparisons with NaN are false."""
    first, second = (pd.Series(values) if np.ndim(values) else values for values in (first, second))
    earlier = second.shift(1) if isinstance(second, pd.Series) else second
    return ((first.shift(1) <= earlier) & (first > second)).to_numpy()


def crossed_down(first, second):
    first, second = (pd.Series(values) if np.ndim(values) else values for values in (first, second))
    earlier = second.shift(1) if isinstance(second, pd.Series) else second
    return ((first.shift(1) >= earlier) & (first < second)).to_numpy()


def wilder(close, period):
    """Wilder's RSI as pandas computes it: simple means of the first changes, then exponential ones."""
    change = pd.Series(close).diff()
    means = []
    for moves in (change.clip(lower=0), -change.clip(upper=0)):
        seeded = moves.copy()
        seeded[:period] = np.nan
        seeded[period] = moves[1 : period + 1].mean()
        means.append(seeded.ewm(alpha=1 / period, adjust=False).mean())
    return (100 - 100 / (1 + means[0] / means[1])).to_numpy()


def signals(name, close, indicators):
    """Return entries and exits at closes."""
    if name == "sma":
        fast, slow = indicators.mean(close, 10), indicators.mean(close, 50)
        return crossed(fast, slow), crossed_down(fast, slow)
    if name == "rsi":
        strength = wilder(close, 14)
        return crossed_down(strength, 30.0), crossed(strength, 70.0)
    middle, upper = indicators.bands(close, 20, 2)
    return crossed(close, upper), crossed_down(close, middle)


class OfVectorbt:
    """vectorbt's own indicators."""

    @staticmethod
    def mean(close, period):
        import vectorbt

        return vectorbt.MA.run(close, period).ma.to_numpy()

    @staticmethod
    def bands(close, period, width):
        import vectorbt

        found = vectorbt.BBANDS.run(close, period, alpha=width)
        return found.middle.to_numpy(), found.upper.to_numpy()


class OfPandas:
    """What users of backtesting.py bring."""

    @staticmethod
    def mean(close, period):
        return pd.Series(close).rolling(period).mean().to_numpy()

    @staticmethod
    def bands(close, period, width):
        rolling = pd.Series(close).rolling(period)
        return rolling.mean().to_numpy(), (rolling.mean() + width * rolling.std(ddof=0)).to_numpy()


def doubled(candles):
    """Return two rows a candle: open alone, then the whole."""
    rows = {name: np.repeat(candles[name], 2) for name in ("open", "high", "low", "close")}
    for name in ("high", "low", "close"):
        rows[name][::2] = candles["open"]
    return rows


def delayed(at_closes):
    """Return signals at closes as orders in the open row of the next candle."""
    rows = np.zeros(2 * at_closes.size, dtype=bool)
    rows[2::2] = at_closes[:-1]
    return rows


def vectorbt(candles, name):
    import vectorbt as vbt

    rows = doubled(candles)
    entries, exits = signals(name, candles["close"], OfVectorbt)
    stops = {} if name == "sma" else {"sl_stop": STOP, "tp_stop": TARGET, "stop_entry_price": "fillprice"}
    close = pd.Series(rows["close"])
    found = vbt.Portfolio.from_signals(
        close,
        delayed(entries),
        delayed(exits),
        price=close,  # signals stand in open rows only, where the close is the open
        open=rows["open"],
        high=rows["high"],
        low=rows["low"],
        fees=FEE,
        init_cash=1e9,
        min_size=0.0,
        direction="longonly",
        freq="1h",
        **stops,
    )
    records = found.trades.closed.records
    equity = found.value().to_numpy()[1::2]
    closed = found.trades.closed
    return {
        "trades": len(records),
        "return": float(found.total_return()),
        "entered": (records["entry_idx"] // 2).tolist(),
        "left": (records["exit_idx"] // 2).tolist(),
        "profits": records["return"].tolist(),
        "winRate": float(closed.win_rate()),
        "profitFactor": float(closed.profit_factor()),
        "expectancy": float(closed.expectancy()) / 1e9,
        "fees": float(found.orders.fees.sum()) / 1e9,
        "timeInMarket": float(np.mean(found.assets().to_numpy()[1::2] > 0)),
        **independent(equity / 1e9),
    }


def independent(equity):
    """Return the figures of a curve as empyrical has them; 24 x 365 candles a year."""
    import empyrical

    year = 24 * 365
    returns = pd.Series(equity).pct_change().dropna()
    since_start = pd.Series(np.concatenate([[equity[0] - 1.0], returns]))
    return {
        "maxDrawdown": -float(empyrical.max_drawdown(since_start)),
        "sharpe": float(empyrical.sharpe_ratio(returns, annualization=year)),
        "sortino": float(empyrical.sortino_ratio(returns, annualization=year)),
        "cagr": float(empyrical.annual_return(since_start, annualization=year)),
        "calmar": float(empyrical.calmar_ratio(since_start, annualization=year)),
        "totalReturn": float(empyrical.cum_returns_final(since_start)),
    }


def monthly(equity, ts):
    """Return the monthly table as empyrical has it."""
    import empyrical

    index = pd.DatetimeIndex(ts.astype("datetime64[ms]"))
    returns = pd.Series(equity, index=index).pct_change().fillna(0.0)
    found = empyrical.aggregate_returns(returns, "monthly")
    return {f"{year}-{month:02}": float(value) for (year, month), value in found.items()}


def backtesting(candles, name):
    from backtesting import Backtest, Strategy

    rows = {key.capitalize(): values * SCALE for key, values in doubled(candles).items()}
    entries, exits = signals(name, candles["close"], OfPandas)

    class Rules(Strategy):
        def init(self):
            pass

        def next(self):
            row = len(self.data) - 1
            if row % 2 == 0:  # at the open row: the order has just been filled, its stops act from the next row on
                for trade in self.trades:
                    if name != "sma" and trade.sl is None:
                        trade.tp = trade.entry_price * (1 + TARGET)
                        trade.sl = trade.entry_price * (1 - STOP)
            elif self.position and exits[row // 2]:
                self.position.close()
            elif not self.position and entries[row // 2]:
                self.buy()

    index = pd.date_range("2020-01-01", periods=len(rows["Close"]), freq="30min")
    with contextlib.redirect_stderr(io.StringIO()):
        found = Backtest(pd.DataFrame(rows, index=index), Rules, cash=CASH, commission=FEE, finalize_trades=False).run()
    table = found["_trades"]
    return {
        "trades": len(table),
        "return": float(found["Equity Final [$]"]) / CASH - 1,
        "entered": (table["EntryBar"] // 2).tolist(),
        "left": (table["ExitBar"] // 2).tolist(),
    }


def main():
    file, out = sys.argv[1:]
    found = {}
    with np.load(file) as arrays:
        names = sorted({key.partition(".")[0] for key in arrays})
        for data in names:
            candles = {key: arrays[f"{data}.{key}"] for key in ("ts", "open", "high", "low", "close")}
            for rules in ("sma", "rsi", "bollinger"):
                found[f"{data} {rules} vectorbt"] = vectorbt(candles, rules)
                found[f"{data} {rules} backtesting"] = backtesting(candles, rules)
            found[f"{data} months"] = monthly(candles["close"], candles["ts"])
    Path(out).write_text(json.dumps(found))


main()
