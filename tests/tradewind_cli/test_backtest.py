"""`tw backtest run --data` as a person runs it."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

KEYS = {
    "strategyDigest",
    "dataDigest",
    "reportDigest",
    "candles",
    "trades",
    "totalReturn",
    "maxDrawdown",
    "sharpe",
    "winRate",
    "feesPaid",
    "equityFinal",
}


def tw(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tradewind_cli.main", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_json_has_the_stable_keys(recorded):
    """One object, fractions not percent."""
    data = recorded / "ohlcv/binance_usdm_BTCUSDT_1h_2020-2024.parquet"
    done = tw("backtest", "run", "sma-crossover", "--data", data, "--fee-bps", 10, "--set", "fast.period=10", "-o", "json")
    assert (0, "") == (done.returncode, done.stderr)
    report = json.loads(done.stdout)
    assert set(report) >= KEYS
    assert (37660, 538) == (report["candles"], report["trades"])
    assert 0 < report["maxDrawdown"] < 1


def test_a_table_is_for_people(recorded):
    """Percent and two digits."""
    done = tw("backtest", "run", "rsi", "--data", recorded / "ohlcv/binance_usdm_BTCUSDT_1h_2020-2024.parquet")
    assert "closed trades   223" in done.stdout


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("nodes: [", 64, "this is not YAML"),
        (
            "schema: tradewind.strategy/v1\ntimeframe: 1h\nnodes: []\nentry: {when: x}\n",
            64,
            "nodes: List should have at least 1",
        ),
    ],
)
def test_a_bad_strategy_ends_with_64(tmp_path, text, code, message):
    """The message stands on stderr, nothing on stdout."""
    (tmp_path / "s.yaml").write_text(text)
    (tmp_path / "d.csv").write_text("ts,open,high,low,close,volume\n")
    done = tw("backtest", "run", tmp_path / "s.yaml", "--data", tmp_path / "d.csv")
    assert (code, "") == (done.returncode, done.stdout)
    assert message in done.stderr


def test_bad_candles_end_with_65(tmp_path):
    """Row and column are named."""
    (tmp_path / "d.csv").write_text("ts,open,high,low,close,volume\n1700000000000,1,1,1,0,1\n")
    done = tw("backtest", "run", "rsi", "--data", tmp_path / "d.csv")
    assert 65 == done.returncode
    assert "tw: d.csv: row 1, column close: 0.0 must be positive" in done.stderr


@pytest.mark.parametrize("setting", ["fast.period", "fast.period=", "fast.period=nan", "=3x"])
def test_a_bad_setting_is_a_usage_error(setting, tmp_path):
    """The form is shown."""
    done = tw("backtest", "run", "sma-crossover", "--data", tmp_path / "d.csv", "--set", setting)
    assert 2 == done.returncode
    assert "node.param=number" in done.stderr
