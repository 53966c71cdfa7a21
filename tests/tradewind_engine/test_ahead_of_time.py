"""A fresh process answers at once, also in a read-only image: code is compiled when the image is built."""

import os
import subprocess
import sys

import numba
import pytest

from tradewind_engine.backtest import ahead_of_time

FRESH = """
import sys
import numpy as np
from tradewind_engine.backtest.ahead_of_time import prepare
prepare()
from tradewind_engine.backtest.compiled import COMPILED
COMPILED.mean(np.ones(100), 3)
print(COMPILED.mean(np.ones(100), 3)[-1], "numba.np.arraymath" in sys.modules, "scipy.linalg" in sys.modules)
import scipy.linalg.cython_blas  # can be imported by whoever wants it
"""
COUNT = """
import sys
sys.path.insert(0, "tests")
from documents import random_candles, random_document
from markets import market
from numba.core.dispatcher import Dispatcher
from tradewind_api.document.resolve import TEMPLATES, template
from tradewind_engine.backtest import compiled, kernel, measures, tape_player
from tradewind_engine.backtest.ahead_of_time import prepare, warm
from tradewind_engine.backtest.engine import run_backtest
from tradewind_engine.candles import Candles, from_columns
from tradewind_engine.honesty.verdict import judge
from tradewind_engine.optimise.book import Aim
from tradewind_engine.optimise.space import make_space
from tradewind_engine.optimise.study import run_study
from tradewind_engine.optimise.sweep import SweepSettings

def kinds():
    parts = (kernel, compiled, measures, tape_player)
    found = {name: value for part in parts for name, value in vars(part).items() if isinstance(value, Dispatcher)}
    for name in ("weighted", "wilder", "strength"):
        found[name] = getattr(compiled.COMPILED, name).__closure__[0].cell_contents
    return {name: len(dispatcher.signatures) for name, dispatcher in found.items()}

prepare()
warm()
before = kinds()
made = market(1, 1200)
for candles in (made, made[100:], from_columns(made.column_bytes())):
    for name in TEMPLATES:
        judge(run_backtest(template(name), {"A": candles, "B": candles}, timeframe="1h"))
for seed in range(12):
    document = random_document(seed, longest=2000)
    run_backtest(document, {"": random_candles(seed, 2500)}, timeframe="15m")
space = make_space(template("sma-crossover"), {"fast.period": (2, 4, 1), "slow.period": (10, 20, 5)})
run_study(template("sma-crossover"), space, {"": made}, SweepSettings("1h", threads=1), Aim(constraints=()), folds=2)
assert kinds() == before, (before, kinds())
print("nothing was compiled after warm")
"""


def run(script, **more):
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **more}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
def test_what_is_on_disk_is_taken_without_a_compiler(tmp_path):
    """The first process fills the compiler's tables, without scipy's linear algebra; the second one needs none of them."""
    assert "1.0 True False" == run(FRESH, NUMBA_CACHE_DIR=str(tmp_path))
    assert "1.0 False False" == run(FRESH, NUMBA_CACHE_DIR=str(tmp_path))


@pytest.mark.slow
def test_a_read_only_copy_is_laid_where_numba_looks(tmp_path):
    """What one process compiled, another one takes from the image's folder, although it may write to an empty one only."""
    kept, used = tmp_path / "kept", tmp_path / "used"
    run(FRESH, NUMBA_CACHE_DIR=str(kept))
    assert "1.0 False False" == run(FRESH, TRADEWIND_COMPILED=str(kept), NUMBA_CACHE_DIR=str(used))
    assert {path.name for path in kept.rglob("*.nbi")} == {path.name for path in used.rglob("*.nbi")}


@pytest.mark.slow
def test_what_an_image_compiles_is_all_that_a_run_needs():
    """Back-tests, verdicts and studies meet no kind of array that `warm` has not met."""
    assert run(COUNT).endswith("nothing was compiled after warm")


def test_an_old_processor_compiles_for_itself(monkeypatch, tmp_path):
    """Without AVX2 the image's code is of no use: nothing is copied, and numba is told to look at the processor again."""
    monkeypatch.setenv("TRADEWIND_COMPILED", str(tmp_path))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "used"))
    monkeypatch.setattr(ahead_of_time, "_has_avx2", lambda: False)
    monkeypatch.setattr(numba.config, "CPU_NAME", "x86-64-v3", raising=False)
    monkeypatch.setattr(numba.config, "CPU_FEATURES", "", raising=False)
    ahead_of_time.prepare()
    assert (None, None, False) == (numba.config.CPU_NAME, numba.config.CPU_FEATURES, (tmp_path / "used").exists())


@pytest.mark.slow  # 25 s of processor; `make test` runs it
def test_warm_runs_in_any_process():
    """Twice is as good as once."""
    ahead_of_time.warm()
    ahead_of_time.warm()


def test_a_copy_is_laid_where_numba_looks_in_this_process_too(monkeypatch, tmp_path):
    """For the edges of processes: before anything is simulated."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "loop.nbi").write_bytes(b"compiled")
    monkeypatch.setenv("TRADEWIND_COMPILED", str(kept))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "used"))
    monkeypatch.setattr(numba.config, "CPU_NAME", None, raising=False)
    ahead_of_time.prepare()
    assert (tmp_path / "used/loop.nbi").exists()
    assert ahead_of_time._has_avx2() in (True, False)
    monkeypatch.setattr(ahead_of_time, "CPUINFO", tmp_path / "nowhere")
    assert not ahead_of_time._has_avx2()
