"""Clock, outbox, configuration and last words of a runner; and what its process must not load."""

import json
import resource
import subprocess
import sys

import pytest

from tradewind_api.ledger import Stopped, event
from tradewind_api.runner import BotConfig, MissingRange, TerminationMessage
from tradewind_runner.configuration import ConfigFile, ConfigurationError
from tradewind_runner.exchange_clock import ExchangeClock
from tradewind_runner.last_words import write_last_words
from tradewind_runner.outbox import Outbox, OutboxFullError, read_groups


def group(first, count):
    return [event("uid", 1, seq=n, at_ms=0, data=Stopped(reason="r")) for n in range(first, first + count)]


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


@pytest.fixture
def outbox(tmp_path):
    found = Outbox(tmp_path / "outbox")
    yield found
    found.close()


def test_a_group_is_never_divided(outbox):
    """Batches of at most five events take whole groups; a group larger than that goes alone."""
    for first, count in ((1, 3), (4, 3), (7, 6)):
        outbox.append(group(first, count))
    assert [1, 2, 3] == [item.seq for item in outbox.batch(5)]
    outbox.acknowledge(3)
    assert [4, 5, 6] == [item.seq for item in outbox.batch(5)]
    outbox.acknowledge(6)
    assert 6 == len(outbox.batch(5))


def test_half_an_acknowledgement_keeps_the_group(outbox):
    """Only a whole group is forgotten."""
    outbox.append(group(1, 3))
    outbox.acknowledge(2)
    assert 3 == outbox.events


def test_a_group_is_on_disk_before_it_counts(outbox, tmp_path):
    """What append returned from can be read by somebody else."""
    outbox.append(group(1, 2))
    assert [1, 2] == [item["seq"] for item in json.loads((tmp_path / "outbox").read_text())]


def test_a_full_outbox_says_so(outbox, monkeypatch):
    """Nothing is dropped silently."""
    monkeypatch.setattr("tradewind_runner.outbox.MOST_EVENTS", 4)
    outbox.append(group(1, 3))
    with pytest.raises(OutboxFullError, match="3 events wait"):
        outbox.append(group(4, 3))


def test_a_full_disk_leaves_no_half_a_group(outbox, tmp_path):
    """A group that fits by half does not count, the bot is told, and the file goes on behind the last whole one."""
    outbox.append(group(1, 3))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OutboxFullError, match="cannot be written down"):
            outbox.append(group(4, 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert 3 == outbox.events
    outbox.append(group(4, 2))
    assert [[1, 2, 3], [4, 5]] == [[item.seq for item in found] for found in read_groups(tmp_path / "outbox")]


def test_what_must_go_on_is_kept_in_memory_until_the_disk_takes_it(outbox, tmp_path):
    """An exit on a full disk: sent like any other group, and on disk, in its place, with the next group that fits."""
    outbox.append(group(1, 3))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        assert outbox.hold(group(4, 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(range(1, 24)) == [item.seq for item in outbox.batch(100)]
    outbox.append(group(24, 1))
    assert list(range(1, 25)) == [item.seq for found in read_groups(tmp_path / "outbox") for item in found]


def test_memory_is_bounded_too(outbox, monkeypatch):
    """Beyond the spare room even an exit is told that it cannot be kept."""
    monkeypatch.setattr("tradewind_runner.outbox.MOST_EVENTS", 4)
    monkeypatch.setattr("tradewind_runner.outbox.SPARE_EVENTS", 2)
    assert outbox.hold(group(1, 6))
    assert not outbox.hold(group(7, 1))


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
    """No pandas, numba, pyarrow or hyperopt; one exchange of ccxt and not the hundred others."""
    code = (
        "import sys, tradewind_runner.bot; from tradewind_runner.lean_ccxt import exchange_class; exchange_class('binance');"
        "print([m for m in ('pandas','numba','pyarrow','hyperopt','ccxt.async_support.kraken') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()
