"""`tw optimise` as a person runs it."""

import json
import subprocess
import sys
import time

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


def test_a_table_ends_with_what_to_type_next(candles, tmp_path):
    """Figures, reasons, the parameters as options, the walk-forward, the best five; the page has the search too."""
    asked = [
        "--data",
        candles,
        "--timeframe",
        "15m",
        "--tune",
        "rsi.period=5:20:5",
        "--folds",
        2,
        "--html",
        tmp_path / "x.html",
    ]
    done = tw("optimise", "rsi", *asked)
    page = (tmp_path / "x.html").read_text()
    assert "The best of 4 of 4 points (exhaustive, seed 1), by sharpe" in page
    assert "Walk-forward (rolling): chosen on what came before" in page
    assert "Candles and trades" in page
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
        (["--folds", "1"], 2, "a walk-forward takes 2 steps or more; 0 is none"),
        (["--tune", "fast.period=5:6:1", "--tune", "fast.period=7:8:1"], 2, "--tune fast.period: given more than once"),
        (["--tune", "fast.period=5:6:1", "--set", "fast.period=7"], 2, "fast.period: either --tune or --set"),
        (["--resume", "/dev/zero"], 2, "this is no file that can be kept"),
        (["--from", "2030-01-01"], 65, "no candle opens from 2030-01-01 to the last"),
        (["--constraint", "trades>=99999", "--tune", "fast.period=5:6:1"], 64, "satisfies trades >= 99999"),
        (["--tune", "slow.period=50:1000:950", "--folds", "20"], 65, "one decision needs 1001"),
    ],
)
def test_what_cannot_be_searched_is_named(candles, arguments, code, message):
    """With the exit code of who must act, and nothing on stdout."""
    done = tw("optimise", "sma-crossover", "--data", candles, "--timeframe", "15m", *arguments)
    assert (code, "") == (done.returncode, done.stdout)
    assert message in done.stderr


ASKED = ("--timeframe", "15m", "--tune", "fast.period=5:24:1", "--tune", "slow.period=50:79:1", "-o", "json", "--threads", 1)


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(candles, tmp_path):
    """Killed at whatever it does, and run again: the report of an undisturbed run, byte for byte, and nothing scored twice."""
    file = tmp_path / "search.tw"
    wanted = tw("optimise", "sma-crossover", "--data", candles, *ASKED)
    command = [
        sys.executable,
        "-m",
        "tradewind_cli.main",
        "optimise",
        "sma-crossover",
        "--data",
        candles,
        *ASKED,
        "--resume",
        file,
    ]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
    first = 23 + 64 + 1  # the line that names the search
    deadline = time.monotonic() + 60
    while not file.exists() or file.stat().st_size <= first:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    written = file.read_bytes()
    with file.open("ab") as torn:
        torn.write(written[-100:])
    again = tw("optimise", "sma-crossover", "--data", candles, *ASKED, "--resume", file)
    assert (0, wanted.stdout) == (again.returncode, again.stdout)
    assert file.read_bytes().startswith(written)
    size = file.stat().st_size
    assert wanted.stdout == tw("optimise", "sma-crossover", "--data", candles, *ASKED, "--resume", file).stdout
    assert size == file.stat().st_size


def test_a_file_of_something_else_is_not_touched(candles, tmp_path):
    """Another search's record, or no record: exit 2, what to do, and every byte as it was."""
    file = tmp_path / "search.tw"
    small = ("--tune", "fast.period=5:8:1", "--timeframe", "15m", "--folds", 0, "--resume", file)
    tw("optimise", "sma-crossover", "--data", candles, *small)
    content = file.read_bytes()
    other = tw("optimise", "sma-crossover", "--data", candles, *small, "--fee-bps", 5)
    assert (2, content) == (other.returncode, file.read_bytes())
    assert "this is the record of another search" in other.stderr
    file.write_text("dear diary")
    diary = tw("optimise", "sma-crossover", "--data", candles, *small)
    assert (2, "dear diary") == (diary.returncode, file.read_text())
    assert "no record of an optimisation" in diary.stderr
