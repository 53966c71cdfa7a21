"""The outbox: whole groups, on the disk before who waits for it goes on, and only what counted is read again."""

import asyncio
import resource
import threading
import time

import pytest

from tradewind_api.ledger import Intended, LedgerState, Stopped, event
from tradewind_api.runner import StartAnswer
from tradewind_runner.outbox import ROOM, Outbox, OutboxFullError, read_groups
from tradewind_runner.reporter import Reporter


def group(first, count):
    return [event("uid", 1, seq=n, at_ms=0, data=Stopped(reason="r")) for n in range(first, first + count)]


def left(folder):
    """Return what a killed process's file tells: the numbers of each group."""
    return [[item.seq for item in found] for found in read_groups(folder / "outbox")]


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


def test_a_group_is_written_before_it_counts(outbox, tmp_path):
    """What append returned from can be read by somebody else, whatever becomes of this process."""
    outbox.append(group(1, 2))
    assert [[1, 2]] == left(tmp_path)


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
    assert [[1, 2, 3], [4, 5]] == left(tmp_path)


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
    assert list(range(1, 25)) == [seq for found in left(tmp_path) for seq in found]


def test_memory_is_bounded_too(outbox, monkeypatch):
    """Beyond the spare room even an exit is told that it cannot be kept."""
    monkeypatch.setattr("tradewind_runner.outbox.MOST_EVENTS", 4)
    monkeypatch.setattr("tradewind_runner.outbox.SPARE_EVENTS", 2)
    assert outbox.hold(group(1, 6))
    assert not outbox.hold(group(7, 1))


def test_it_begins_at_its_start_again_when_nothing_waits(outbox, tmp_path):
    """The room is used again and again; what was there before is never taken for news, wherever the newer lines end."""
    seq, size = 1, len(group(1, 1)) and (tmp_path / "outbox").stat().st_size
    for count in [*range(1, 40), 200, 3, 1] * 12:
        outbox.append(group(seq, count))
        assert list(range(seq, seq + count)) == left(tmp_path)[-1]
        seq += count
        outbox.acknowledge(seq - 1)
    outbox.append(group(seq, 2))
    outbox.append(group(seq + 2, 1))
    assert [[seq, seq + 1], [seq + 2]] == left(tmp_path)[-2:]
    assert ROOM == size == (tmp_path / "outbox").stat().st_size


def test_a_long_time_without_the_portal_makes_the_file_longer_and_then_short_again(outbox, tmp_path):
    """Nothing is dropped for want of room."""
    for first in range(1, 4001, 100):
        outbox.append(group(first, 100))
    assert list(range(1, 4001)) == [seq for found in left(tmp_path) for seq in found]
    assert ROOM < (tmp_path / "outbox").stat().st_size
    outbox.acknowledge(4000)
    outbox.append(group(4001, 1))
    assert [[4001]] == left(tmp_path)
    assert ROOM == (tmp_path / "outbox").stat().st_size


@pytest.mark.parametrize("torn", [b"", b"\0" * 30, b"x" * 30])
def test_a_torn_line_never_counted(outbox, tmp_path, torn):
    """Cut off, with a hole of zeros, with something else in it: what is before it is told, what is after it is not."""
    outbox.append(group(1, 2))
    begin = outbox._end
    outbox.append(group(3, 2))
    outbox.append(group(5, 2))
    content = (tmp_path / "outbox").read_bytes()
    middle = begin + 100
    (tmp_path / "outbox").write_bytes(content[:middle] + torn + (content[middle + len(torn) :] if torn else b""))
    assert [[1, 2]] == left(tmp_path)


def test_who_waits_goes_on_when_the_disk_has_it_and_the_loop_goes_on_meanwhile(outbox, tmp_path, monkeypatch):
    """A sync that takes its time, in a thread; two who wait are served by one, whoever comes later by the next."""
    go, syncs = threading.Event(), []

    def slow(file):
        syncs.append(left(tmp_path))
        go.wait(10)

    monkeypatch.setattr("tradewind_runner.outbox.os.fdatasync", slow)

    async def main():
        outbox.append(group(1, 1))
        outbox.sync_soon(now=True)
        waiting = [asyncio.create_task(outbox.on_disk()) for _ in range(2)]
        await asyncio.sleep(0.05)
        outbox.append(group(2, 1))
        later = asyncio.create_task(outbox.on_disk())
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in [*waiting, later])
        waiting[0].cancel()
        go.set()
        await asyncio.gather(waiting[1], later)
        assert [[[1]], [[1], [2]]] == syncs
        await outbox.on_disk()
        assert 2 == len(syncs)

    asyncio.run(main())


def test_who_waits_for_a_quick_disk_is_not_told_by_the_loop_and_others_have_their_turn_first(outbox, monkeypatch):
    """The loop neither sleeps nor turns while a sync comes to its end, but for one turn in which others get on."""
    syncing, order = threading.Event(), []

    def quick(file):
        syncing.wait(10)
        order.append("synced")

    monkeypatch.setattr("tradewind_runner.outbox.os.fdatasync", quick)
    monkeypatch.setattr("tradewind_runner.syncing.AWAKE_S", 10.0)

    async def other():
        order.append("other")
        syncing.set()
        await asyncio.sleep(0)
        order.append("other again")

    async def main():
        outbox.append(group(1, 1))
        outbox.sync_soon(now=True)
        going_on = asyncio.create_task(other())
        await outbox.on_disk()
        order.append("on disk")
        await going_on

    asyncio.run(main())
    assert ["other", "synced", "on disk", "other again"] == order


def test_what_nobody_waits_for_gets_to_the_disk_soon_and_together(outbox, tmp_path, monkeypatch):
    """Decisions and fills do not hold anything up; an intent is on its way at once."""
    syncs = []
    monkeypatch.setattr("tradewind_runner.outbox.os.fdatasync", lambda _: syncs.append(len(left(tmp_path))))
    intent = Intended(client_order_id="c", symbol="BTC/USDT", side="buy", amount="1", candle_open_ms=0, reason="Entry")

    async def main():
        reporter = Reporter(None, outbox, StartAnswer(epoch=1, lease_seconds=900, state=LedgerState()))
        for first in (1, 2, 3):
            reporter.put(group(first, 1))
        assert [] == syncs
        while not syncs:
            await asyncio.sleep(0.01)
        while outbox._syncing is not None:  # its thread is done before the loop hears of it
            await asyncio.sleep(0)
        assert [3] == syncs
        reporter.put([event("uid", 1, seq=4, at_ms=0, data=intent)])
        await asyncio.wait({outbox._syncing})
        assert [3, 4] == syncs

    asyncio.run(main())


def test_a_disk_that_fails_to_sync_takes_nothing_more(outbox, monkeypatch):
    """The system forgets what it could not write, and the next sync would call it written: nobody relies on that."""

    def broken(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("tradewind_runner.outbox.os.fdatasync", broken)

    async def main():
        outbox.append(group(1, 1))
        with pytest.raises(OutboxFullError, match="Input/output error"):
            await outbox.on_disk()
        monkeypatch.undo()
        with pytest.raises(OutboxFullError, match="Input/output error"):
            outbox.append(group(2, 1))
        assert outbox.hold(group(2, 1))
        assert [1, 2] == [item.seq for item in outbox.batch(10)]

    asyncio.run(main())


def test_a_disk_that_does_not_answer_is_not_waited_for_for_ever(outbox, monkeypatch):
    """Who waits is told, and the process can end; what gets there late is there all the same."""
    go = threading.Event()
    monkeypatch.setattr("tradewind_runner.outbox.os.fdatasync", lambda _: go.wait(10))
    monkeypatch.setattr("tradewind_runner.outbox.DISK_WAIT_S", 0.05)

    async def main():
        outbox.append(group(1, 1))
        with pytest.raises(OutboxFullError, match="has not answered"):
            await outbox.on_disk()
        go.set()
        await outbox.on_disk()

    asyncio.run(main())


def test_the_time_of_a_frozen_process_is_not_the_disks(outbox, monkeypatch):
    """It was frozen for longer than a disk may take, and the sync comes to its end a moment after it goes on."""
    go = threading.Event()
    monkeypatch.setattr("tradewind_runner.outbox.os.fdatasync", lambda _: go.wait(10))
    monkeypatch.setattr("tradewind_runner.outbox.DISK_WAIT_S", 0.2)

    def freeze():
        time.sleep(1.0)
        go.set()

    async def main():
        outbox.append(group(1, 1))
        asyncio.get_running_loop().call_later(0.01, freeze)
        await outbox.on_disk()

    asyncio.run(main())


def test_without_room_on_the_disk_it_begins_all_the_same(tmp_path, monkeypatch):
    """A pod on a full disk starts; its first group is what is refused."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tradewind_runner.outbox.os.pwrite", full)
    outbox = Outbox(tmp_path / "outbox")
    with pytest.raises(OutboxFullError, match="No space left"):
        outbox.append(group(1, 1))
    monkeypatch.undo()
    outbox.append(group(1, 1))
    assert [[1]] == left(tmp_path)
    outbox.close()
