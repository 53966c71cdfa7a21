"""The peers' side: run in an environment of their own, told by lines of JSON what to run, answering with seconds and figures.

Fills at the next open, as ours: signals are shifted by one candle and priced at its open. vectorbt gets an index without time
zone and much cash, its best case.
"""

import contextlib
import gc
import io
import json
import sys
import time
import warnings

import numpy as np
import pandas as pd
from market import candles

warnings.simplefilter("ignore")
FEE, STOP, TARGET = 0.001, 0.01, 0.02


def frame(count):
    columns = candles(count)
    index = pd.DatetimeIndex(columns.pop("ts").view("datetime64[ms]").astype("datetime64[ns]"))
    return pd.DataFrame(columns, index=index)


class Vectorbt:
    """Indicators and Portfolio.from_signals."""

    def __init__(self):
        import vectorbt

        self.vbt = vectorbt
        vectorbt.settings.array_wrapper["freq"] = "1min"

    def portfolio(self, data, entries, exits, **more):
        shifted = entries.vbt.signals.fshift(1), exits.vbt.signals.fshift(1)
        return self.vbt.Portfolio.from_signals(
            data["close"], *shifted, price=data["open"], fees=FEE, init_cash=1e9, min_size=0.0, **more
        )

    def signals(self, data, name):
        close = data["close"]
        if name == "sma":
            fast, slow = self.vbt.MA.run(close, 10), self.vbt.MA.run(close, 50)
            return fast.ma_crossed_above(slow), fast.ma_crossed_below(slow)
        if name == "rsi":
            rsi = self.vbt.RSI.run(close, 27, ewm=True)  # a span of 2 n - 1 is Wilder's n; only the start differs
            return rsi.rsi_crossed_below(30), rsi.rsi_crossed_above(70)
        bands = self.vbt.BBANDS.run(close, 20, alpha=2)
        return bands.close_crossed_above(bands.upper), bands.close_crossed_below(bands.middle)

    def stops(self, data):
        return {"open": data["open"], "high": data["high"], "low": data["low"]}

    def single(self, data, name):
        more = {} if name == "sma" else {"sl_stop": STOP, "tp_stop": TARGET, **self.stops(data)}
        found = self.portfolio(data, *self.signals(data, name), **more)
        equity, records = found.value(), found.trades.records
        figures = {
            "trades": int(found.trades.closed.count()),
            "return": float(found.total_return()),
            "drawdown": float(found.max_drawdown()),
            "sharpe": float(found.sharpe_ratio()),
        }
        return figures | {"rows": len(records), "points": len(equity)}

    def sweep(self, data, pairs):
        close, best, trades = data["close"], -np.inf, 0
        for start in range(0, len(pairs), 20):
            fast, slow = zip(*pairs[start : start + 20], strict=True)
            quick = self.vbt.MA.run(close, list(fast), short_name="fast")
            calm = self.vbt.MA.run(close, list(slow), short_name="slow")
            found = self.portfolio(data, quick.ma_crossed_above(calm), quick.ma_crossed_below(calm))
            best = max(best, float(found.total_return().max()))
            trades += int(found.trades.closed.count().sum())
            found.max_drawdown(), found.sharpe_ratio()
            del found, quick, calm
            gc.collect()  # cycles keep every chunk alive otherwise
        return {"best": best, "trades": trades}

    def grid(self, data, pairs):
        entries, exits = self.signals(data, "rsi")
        best = -np.inf
        for start in range(0, len(pairs), 20):
            stops, targets = zip(*pairs[start : start + 20], strict=True)
            count = len(stops)
            wide = {name: pd.concat([column] * count, axis=1, keys=range(count)) for name, column in data.items()}
            many = [pd.concat([signal] * count, axis=1, keys=range(count)) for signal in (entries, exits)]
            found = self.portfolio(wide, *many, sl_stop=np.array(stops), tp_stop=np.array(targets), **self.stops(wide))
            best = max(best, float(found.total_return().max()))
            found.max_drawdown(), found.sharpe_ratio(), found.trades.count()
            del found, wide, many
            gc.collect()
        return {"best": best}


class BacktestingPy:
    """backtesting.py; trades fill at the next open by itself."""

    def single(self, data, name):
        assert name == "sma"
        from backtesting import Backtest, Strategy
        from backtesting.lib import crossover

        def mean(values, period):
            return pd.Series(values).rolling(period).mean().to_numpy()

        class Crossover(Strategy):
            def init(self):
                self.fast, self.slow = self.I(mean, self.data.Close, 10), self.I(mean, self.data.Close, 50)

            def next(self):
                if crossover(self.fast, self.slow):
                    self.buy()
                elif crossover(self.slow, self.fast):
                    self.position.close()

        wide = data.rename(columns=str.capitalize)
        with contextlib.redirect_stderr(io.StringIO()):
            found = Backtest(wide, Crossover, cash=1e9, commission=FEE, finalize_trades=False).run()
        return {"trades": int(found["# Trades"]), "return": float(found["Return [%]"]) / 100}


def main():
    engines = {"vectorbt": Vectorbt, "backtesting": BacktestingPy}
    began = time.perf_counter()
    engine = engines[sys.argv[1]]()
    frames = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["what"] == "cold":
            Vectorbt.single(engine, frame(asked["count"]), "sma")
            answer = {"seconds": time.perf_counter() - began}
        else:
            data = frames.setdefault(asked["count"], frame(asked["count"]))
            started = time.perf_counter()
            figures = getattr(engine, asked["what"])(data, *asked["arguments"])
            answer = {"seconds": time.perf_counter() - started, "figures": figures}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


main()
