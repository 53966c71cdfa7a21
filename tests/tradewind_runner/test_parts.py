"""Clock, configuration and last words of a runner; and what its process must not load."""

import gc
import json
import os
import subprocess
import sys

import pytest

from tradewind_api.runner import BotConfig, MissingRange, TerminationMessage
from tradewind_runner.bot import settle_down
from tradewind_runner.configuration import ConfigFile, ConfigurationError
from tradewind_runner.exchange_clock import ExchangeClock
from tradewind_runner.last_words import write_last_words


def test_the_clock_follows_the_exchange_at_its_speed():
    """Asked at 10 s, answered at 12 s: the answer was of 11 s; two wall seconds later 120 exchange seconds have passed."""
    wall = [11.0]
    clock = ExchangeClock(60, monotonic=lambda: wall[0])
    clock.sync(1_000_000, asked=10.0, answered=12.0)
    assert 1_000_000 == clock.now_ms()
    wall[0] = 13.0
    assert 1_120_000 == clock.now_ms()
    assert pytest.approx(1.0) == clock.wall_seconds_until(1_180_000)
    assert 0 == clock.wall_seconds_until(1)


def test_the_clock_says_by_how_much_it_may_be_wrong():
    """The answer took 2 s, it may be of any moment of them: one second either way, a minute of the exchange; then it drifts."""
    wall = [12.0]
    clock = ExchangeClock(60, monotonic=lambda: wall[0])
    clock.sync(1_000_000, asked=10.0, answered=12.0)
    assert (60_000, 1_000_000) == (clock.error_ms(), clock.surely_ms())
    wall[0] = 112.0
    assert 60_000 + 100 * 0.001 / 2 * 60_000 == clock.error_ms()


@pytest.mark.parametrize(("took_s", "words"), [(1.9, ""), (2.6, "it may be 1.3 s off")])
def test_a_time_that_is_a_second_off_is_told(took_s, words):
    """Seconds of the wall, at whatever speed the exchange's clock runs."""
    clock = ExchangeClock(60.0, monotonic=lambda: 10.0)
    clock.sync(1_000_000, asked=10.0 - took_s, answered=10.0)
    assert clock.problem().endswith(words)
    assert bool(clock.problem()) == bool(words)


def test_a_swapped_file_is_noticed(tmp_path):
    """Kubernetes swaps a link; the same file twice is no change."""
    for name in ("one", "two"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "link").symlink_to("one")
    file = ConfigFile(tmp_path / "link", BotConfig)
    with pytest.raises(ConfigurationError, match="'bot'"):
        file.read()
    assert not file.changed()
    (tmp_path / "new").symlink_to("two")
    (tmp_path / "new").replace(tmp_path / "link")
    assert file.changed()


def test_last_words_fit_into_four_kilobytes(tmp_path):
    """Kubernetes keeps no more; the code survives."""
    missing = [MissingRange(symbol="BTC/USDT", from_ms=i, to_ms=i + 1) for i in range(20)]
    write_last_words(tmp_path / "log", TerminationMessage(code="DataMissing", message="é" * 1000, missing=missing))
    assert "DataMissing" == json.loads((tmp_path / "log").read_text())["code"]
    assert (tmp_path / "log").stat().st_size <= 4096


def test_an_unknown_exchange_is_refused():
    """By ccxt's own modules; in a process of its own, because the lean import is for good."""
    code = "from tradewind_runner.lean_ccxt import exchange_class; exchange_class('nosuch')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "UnknownExchangeError: ccxt has no exchange 'nosuch'" in done.stderr


def test_a_bots_process_stays_lean():
    """No pandas, numba, pyarrow, hyperopt or requests; one exchange of ccxt and not the hundred others."""
    code = (
        "import sys, tradewind_runner.bot; from tradewind_runner.lean_ccxt import exchange_class; exchange_class('binance');"
        "print([m for m in ('pandas','numba','pyarrow','hyperopt','requests','ccxt.async_support.kraken') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


def test_a_bots_process_begins_with_one_thread():
    """BLAS would begin one for each processor, which waits for work at full speed beside the imports."""
    code = "import os, tradewind_runner.bot; print(len(os.listdir('/proc/self/task')))"
    clean = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean)
    assert "1" == done.stdout.strip()


async def test_a_bot_that_trades_is_not_held_up_by_a_look_for_garbage_at_each_order():
    """Ten thousand objects that stay are more than ten orders leave behind."""
    before, turn, looks = gc.get_threshold(), sys.getswitchinterval(), []
    try:
        await settle_down(lambda: True)
        gc.callbacks.append(lambda phase, _: looks.append(phase))
        kept = [[] for _ in range(10_000)]
        gc.callbacks.pop()
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
        sys.setswitchinterval(turn)
    assert (10_000, []) == (len(kept), looks)


def test_only_one_tls_context_of_a_bots_process_reads_the_authorities():
    """Not that of aiohttp, which trusts nobody then, and none of ccxt's objects makes one."""
    code = """
import asyncio, ssl
made, make = [], ssl.create_default_context
ssl.create_default_context = lambda *args, **kwargs: made.append(make(*args, **kwargs)) or made[-1]
from tradewind_runner import bot, lean_ccxt
from aiohttp import connector
async def main():
    for kind in (lean_ccxt.exchange_class, lean_ccxt.streaming_class):
        session = lean_ccxt.new_session()
        api = kind('binance')(lean_ccxt.connected_by(session))
        api.open()
        await api.close()
        await session.close()
asyncio.run(main())
default = connector._SSL_CONTEXT_VERIFIED
ours = [len(context.get_ca_certs()) > 50 for context in made[1:]]
print([default is made[0], *ours], default.get_ca_certs(), default.verify_mode.name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[True, True] [] CERT_REQUIRED" == done.stdout.strip()
