"""The first report that a trader sees, in the tutorial, is one that makes sense."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
PAGE = (Path(__file__).parents[2] / "docs/tutorials/trader.md").read_text()


def test_the_tutorials_market_of_chance_is_a_loss_that_is_believed(tmp_path):
    """Nothing can be earned in it and each trade pays a fee: enough trades, a loss, and no fault of the data."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    subprocess.run(["bash", "-euc", next(block for block in blocks if "candles.csv <<" in block)], cwd=tmp_path, check=True)
    first = shlex.split(next(line for block in blocks for line in block.splitlines() if "--data candles.csv" in line))
    arguments = ["sma-crossover" if word == "mine.yaml" else word for word in first[1:] if word != "--open"]
    command = [sys.executable, "-m", "tradewind_cli.main", *arguments, "-o", "json"]
    report = json.loads(subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout)
    assert ("high", []) == (report["trust"], report["trustReasons"])
    assert report["trades"] >= 30
    assert report["totalReturn"] < 0
