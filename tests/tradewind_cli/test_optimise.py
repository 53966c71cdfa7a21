"""`tw optimise` as a person runs it."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def tw(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tradewind_cli.main", *map(str, arguments)], capture_output=True, text=True, check=False
    )


@pytest.fixture
def candles(recorded):
    return recorded / "ohlcv/binance_spot_BTCUSDT_15m_2025.parquet"


def test_the_best_point_is_what_a_back_test_of_it_finds(candles):
    """The report of the best point is that of `tw backtest run` with its parameters, digest for digest."""
    asked = ["--tune", "fast.period=10:30:10", "--tune", "slow.period=50:100:25", "--objective", "totalReturn"]
    done = tw("optimise", "sma-crossover", "--data", candles, "--timeframe", "15m", *asked, "-o", "json")
    assert (0, "") == (done.returncode, done.stderr)
    report = json.loads(done.stdout)
    found = report["optimisation"]
    assert (9, 9, "exhaustive") == (found["points"], found["spaceSize"], found["method"])
    settings = [f"--set={address}={value}" for address, value in found["parameters"].items()]
    again = tw("backtest", "run", "sma-crossover", "--data", candles, "--timeframe", "15m", *settings, "-o", "json")
    assert json.loads(again.stdout)["reportDigest"] == report["reportDigest"]


def test_a_table_ends_with_what_to_type_next(candles):
    """Figures, reasons, the parameters as options, the walk-forward, the best five."""
    done = tw("optimise", "rsi", "--data", candles, "--timeframe", "15m", "--tune", "rsi.period=5:20:5", "--folds", 2)
    assert "--set rsi.period=" in done.stdout
    assert "walk-forward (rolling): " in done.stdout
    assert "RSI.PERIOD" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--tune", "fast.period=5:50"], 2, "smallest:largest:step"),
        (["--tune", "=5:50:1"], 2, "smallest:largest:step"),
        (["--tune", "fat.period=5:50:1"], 64, "did you mean 'fast'?"),
        (["--tune", "fast.period=5:2000:5"], 64, "fast.params.period: period must be between"),
        (["--constraint", "luck>=3"], 2, "is no constraint"),
        (["--constraint", "trades>=99999", "--tune", "fast.period=5:6:1"], 64, "satisfies trades >= 99999"),
        (["--tune", "slow.period=50:1000:950", "--folds", "20"], 65, "one decision needs 1001"),
    ],
)
def test_what_cannot_be_searched_is_named(candles, arguments, code, message):
    """With the exit code of who must act, and nothing on stdout."""
    done = tw("optimise", "sma-crossover", "--data", candles, "--timeframe", "15m", *arguments)
    assert (code, "") == (done.returncode, done.stdout)
    assert message in done.stderr
