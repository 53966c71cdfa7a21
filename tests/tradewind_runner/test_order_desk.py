"""The order desk: one buy each, whatever becomes of the answers. Virtual time; the fake exchange says what happened."""

import asyncio
import contextlib
from dataclasses import replace
from decimal import Decimal

import pytest
from fake_exchange import FakeBroker, FakeExchange
from virtual_time import run_virtually

from tradewind_api.fold import fold
from tradewind_api.ledger import EventData, Intended, LedgerState, event
from tradewind_engine.trading.identity import client_order_id
from tradewind_engine.trading.orders import Order
from tradewind_runner.desk_entry import Entries, Entry
from tradewind_runner.order_desk import BlockedError, HeldBackError, OrderDesk, no_disk
from tradewind_runner.outbox import OutboxFullError

UID, BTC, ETH = "uid", "BTC/USDT", "ETH/USDT"


def intent(number=1, *, side="buy", order_type="market", symbol=BTC, epoch=1):
    return Intended(
        client_order_id=client_order_id(UID, epoch, number),
        symbol=symbol,
        side=side,
        order_type=order_type,
        amount=Decimal(10),
        price=Decimal(100) if order_type == "limit" else None,
        candle_open_ms=0,
        reason="Entry",
    )


class Desk(OrderDesk):
    """A desk with its ledger; the exchange's time is the loop's."""

    def __init__(self, exchange=None, state=None, epoch=1, may_leave=no_disk):
        self.exchange = exchange or FakeExchange()
        self.fake, self.events, self.full, self.anomalies = FakeBroker(self.exchange), [], False, []
        self.start = state or LedgerState(currency="USDT", cash=Decimal(1_000_000))
        super().__init__(
            self.fake, self._keep, self._time, bot_uid=UID, epoch=epoch, may_leave=may_leave, on_anomaly=self.anomalies.append
        )
        self.resume(self.start)

    @property
    def types(self):
        return [type(item).__name__ for item in self.events]

    @property
    def state(self):
        return fold([event(UID, 1, seq=n, at_ms=0, data=item) for n, item in enumerate(self.events, start=1)], self.start)

    def _keep(self, group: list[EventData]) -> None:
        if self.full:
            raise OutboxFullError("the disk is full")
        self.events += group

    def _time(self) -> float:
        self.exchange.now_ms = 1_000_000 + int(asyncio.get_running_loop().time() * 1000)
        return self.exchange.now_ms


@contextlib.asynccontextmanager
async def background(desk):
    task = asyncio.create_task(desk.run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def test_an_order_that_goes_well_is_written_down_before_it_is_sent():
    async def main():
        desk = Desk()
        order = await desk.submit(intent())
        assert "Filled" == order.status
        assert ["Intended", "Acknowledged", "Filled", "Closed"] == desk.types
        assert Decimal(10) == desk.state.positions[BTC].amount
        assert None is desk.blocked(BTC)

    run_virtually(main())


def test_nothing_is_sent_that_cannot_be_written_down():
    async def main():
        desk = Desk()
        desk.full = True
        with pytest.raises(OutboxFullError):
            await desk.submit(intent())
        assert [] == desk.fake.calls

    run_virtually(main())


def test_nothing_is_sent_before_the_disk_has_it():
    """Meanwhile the loop goes on: the symbol is blocked, nobody looks the order up, and others are not held up."""

    async def main():
        disk = asyncio.Event()

        async def on_disk(waiting):
            if waiting.symbol == BTC:
                await disk.wait()

        desk = Desk(may_leave=on_disk)
        async with background(desk):
            task = asyncio.create_task(desk.submit(intent()))
            await asyncio.sleep(5)
            assert (["Intended"], []) == (desk.types, desk.fake.calls)
            assert "InDoubt" == desk.blocked(BTC).partition(":")[0]
            assert [intent()] == [order.intent for order in desk.open_orders()]
            assert "Filled" == (await desk.submit(intent(2, symbol=ETH))).status
            disk.set()
            assert "Filled" == (await task).status
        assert 2 == sum(desk.exchange.posts.values())

    run_virtually(main())


@pytest.mark.parametrize("meanwhile", ["disk", "killed", "halted", "canceled"])
def test_what_must_not_leave_any_more_ends_without_having_been_sent(meanwhile):
    """Whatever comes up while an order waits for the disk: it ends as rejected and the symbol is free again."""

    async def main():
        async def on_disk(_):
            await asyncio.sleep(1)
            if meanwhile == "disk":
                raise OutboxFullError("the disk has not answered")
            if meanwhile == "killed":
                raise HeldBackError("Killed: bot")

        desk = Desk(may_leave=on_disk)
        task = asyncio.create_task(desk.submit(intent(order_type="limit")))
        await asyncio.sleep(0.5)
        if meanwhile == "halted":
            desk.halted = "Forbidden: 451"
        if meanwhile == "canceled":
            await desk.cancel(intent().client_order_id)
        assert "Rejected" == (await task).status
        assert "NotSent" == desk.events[-1].reason.partition(":")[0]
        assert 0 == sum(desk.exchange.posts.values())
        desk.halted = None
        assert (None, []) == (desk.blocked(BTC), desk.open_orders())
        assert {} == desk.state.open_intents

    run_virtually(main())


def test_a_pod_that_ends_while_an_order_waits_leaves_it_to_the_next_one():
    """Written down and never sent: the next pod asks until it knows that it is not there, and nothing is bought."""

    async def main():
        async def on_disk(_):
            await asyncio.Event().wait()

        desk = Desk(may_leave=on_disk)
        task = asyncio.create_task(desk.submit(intent()))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        after = Desk(desk.exchange, desk.state, epoch=2)
        async with background(after):
            await after.settle()
        assert ("NotPlaced", 0) == (after.events[-1].outcome, sum(desk.exchange.posts.values()))

    run_virtually(main())


@pytest.mark.parametrize("fault", ["lost after", "late", "garbled", "duplicate", "no trades"])
def test_a_lost_answer_to_a_filled_order_is_looked_up_and_booked_once(fault):
    """Blocked meanwhile; one POST, one fill."""

    async def main():
        desk = Desk()
        desk.fake.faults["place"] = [fault]
        async with background(desk):
            await desk.submit(intent())
            assert "InDoubt" == desk.blocked(BTC).partition(":")[0]
            assert None is desk.blocked(ETH)
            assert None is desk.blocked(BTC, "sell")
            with pytest.raises(BlockedError, match="InDoubt"):
                await desk.submit(intent(2))
            await desk.settle()
        assert (1, 1) == (desk.types.count("Filled"), sum(desk.exchange.posts.values()))
        assert Decimal(10) == desk.state.positions[BTC].amount
        assert None is desk.blocked(BTC)

    run_virtually(main())


def test_an_order_that_never_arrived_is_given_up_after_a_minute_of_asking():
    async def main():
        desk = Desk()
        desk.fake.faults["place"] = ["lost before"]
        async with background(desk):
            await desk.submit(intent())
            await desk.settle()
        assert ("NotPlaced", 60.0) == (
            desk.order(intent().client_order_id).status,
            asyncio.get_running_loop().time() // 60 * 60,
        )
        assert 6 <= desk.fake.calls.count("find")
        assert 1 == sum(desk.exchange.posts.values())

    run_virtually(main())


def test_an_order_that_was_given_up_and_appears_is_booked():
    """Half an hour is how long an exchange has been seen to forget an order."""

    async def main():
        desk = Desk()
        desk.fake.faults["place"] = ["lost before"]
        async with background(desk):
            await desk.submit(intent())
            await desk.settle()
            desk.exchange.take(intent())
            await asyncio.sleep(120)
        assert Decimal(10) == desk.state.positions[BTC].amount
        assert {} == desk.state.open_intents
        assert ["Late"] == [item.partition(":")[0] for item in desk.anomalies]


def test_an_order_that_had_ended_and_is_open_again_has_its_old_place_among_those_that_are():
    entries = Entries()
    first, second = (Entry(Order(intent(number), 0, status="Open"), 0.0, 0.2) for number in (1, 2))
    for entry in (first, second):
        entries.add(entry)
    first.order = replace(first.order, status="NotPlaced")
    entries.changed(first)
    assert ([second], first) == (entries.open(), entries.get(first.cid))
    first.order = replace(first.order, status="Unknown")
    entries.changed(first)
    assert ([first, second], []) == (entries.open(BTC), entries.open("ETH/USDT"))


@pytest.mark.parametrize(("fault", "seconds"), [("away", 1), ("skew", 0.1), ("limited", 8)])
def test_what_the_exchange_said_it_did_not_take_is_sent_again_after_a_look_up(fault, seconds):
    """Under the same id; after a 429 nothing at all is asked for the seven seconds that it named."""

    async def main():
        desk = Desk()
        desk.fake.faults["place"] = [fault]
        async with background(desk):
            await desk.submit(intent())
            await asyncio.sleep(seconds * 0.85)
            if fault == "limited":
                assert ["place"] == desk.fake.calls
            await asyncio.sleep(seconds)
        assert ["place", "find", "place"] == desk.fake.calls
        assert (["Intended", "Acknowledged", "Filled", "Closed"]) == desk.types

    run_virtually(main())


def test_an_exchange_that_stays_away_gets_the_order_four_times_at_most():
    async def main():
        desk = Desk()
        desk.fake.faults["place"] = ["away"] * 9
        async with background(desk):
            await desk.submit(intent())
            await asyncio.sleep(60)
        assert 4 == desk.exchange.posts[intent().client_order_id]
        assert ["Intended", "Closed"] == desk.types
        assert "Rejected" == desk.order(intent().client_order_id).status
        assert None is desk.blocked(BTC)

    run_virtually(main())


@pytest.mark.parametrize(("fault", "word"), [("key", "CredentialsRefused"), ("forbidden", "Forbidden")])
def test_a_refused_key_halts_everything_and_asks_nothing_more(fault, word):
    async def main():
        desk = Desk()
        desk.fake.faults["place"] = [fault]
        async with background(desk):
            order = await desk.submit(intent())
            await asyncio.sleep(600)
        assert "Rejected" == order.status
        assert word == desk.blocked(ETH, "sell").partition(":")[0]
        assert ["place"] == desk.fake.calls

    run_virtually(main())


def test_a_rejected_order_is_final():
    async def main():
        desk = Desk()
        desk.fake.faults["place"] = ["rejected"]
        order = await desk.submit(intent())
        assert ("Rejected", "InsufficientFunds: no money") == (order.status, desk.events[-1].reason)

    run_virtually(main())


@pytest.mark.parametrize("fault", ["", "lost before", "lost after", "away", "filled"])
def test_a_cancel_is_read_back_and_repeated_until_the_order_has_ended(fault):
    """An order that was filled meanwhile is booked as filled, whatever the cancel said."""

    async def main():
        desk = Desk()
        desk.fake.faults["cancel"] = [fault]
        cid = intent().client_order_id
        async with background(desk):
            await desk.submit(intent(order_type="limit"))
            desk.exchange.fill(desk.exchange.book[cid], Decimal(4))
            await desk.cancel(cid)
            await asyncio.sleep(2)
        outcome, amount = ("Filled", Decimal(10)) if fault == "filled" else ("Canceled", Decimal(4))
        assert (outcome, amount) == (desk.order(cid).status, desk.state.positions[BTC].amount)

    run_virtually(main())


def test_reports_in_any_order_and_number_are_booked_once():
    """40, 40 and 20 % over the stream: the last first, the second lost, everything twice."""

    async def main():
        desk = Desk()
        cid = intent().client_order_id
        await desk.submit(intent(order_type="limit"))
        resting = desk.exchange.book[cid]
        reports = []
        for amount in (4, 4, 2):
            trade = desk.exchange.fill(resting, Decimal(amount))
            reports.append(replace(resting.report(), trades=(trade,)))
        async with background(desk):
            for report in (reports[2], reports[0], reports[2], reports[0]):
                desk.seen(resting.seen(report))
            assert "InDoubt" == desk.blocked(BTC).partition(":")[0]
            await asyncio.sleep(1)
        assert (3, Decimal(10), "Filled") == (
            desk.types.count("Filled"),
            desk.state.positions[BTC].amount,
            desk.order(cid).status,
        )

    run_virtually(main())


def test_what_an_earlier_pod_left_open_is_found_again_with_its_fills_counted_once():
    async def main():
        before = Desk()
        await before.submit(intent(order_type="limit"))
        resting = before.exchange.book[intent().client_order_id]
        before.seen(
            resting.seen(replace(resting.report(), filled=Decimal(4), trades=(before.exchange.fill(resting, Decimal(4)),)))
        )
        before.exchange.fill(resting, Decimal(6))
        after = Desk(before.exchange, before.state, epoch=2)
        assert "InDoubt" == after.blocked(BTC).partition(":")[0]
        await after.settle()
        assert (Decimal(10), {}) == (after.state.positions[BTC].amount, after.state.open_intents)

    run_virtually(main())


def test_an_order_of_ours_that_the_ledger_lost_is_adopted_and_anothers_is_not():
    async def main():
        desk = Desk(epoch=2)
        mine = desk.exchange.take(intent(7, epoch=1))
        other = desk.exchange.take(intent(8).model_copy(update={"client_order_id": "x-TKT5PX2F1"}))
        desk.seen(mine.seen())
        desk.seen(other.seen())
        assert ["Intended", "Acknowledged", "Filled", "Closed"] == desk.types
        desk.seen(mine.seen())
        assert 4 == len(desk.types)

    run_virtually(main())


def test_an_order_that_is_shown_after_a_later_one_of_its_pod_is_adopted_too():
    """Two pods at once, a message of the stream is lost: the newest id says nothing of those before, to the next pod too."""

    async def main():
        desk = Desk(epoch=2)
        first, second = (desk.exchange.take(intent(number, epoch=1)) for number in (1, 2))
        desk.seen(second.seen())
        after = Desk(desk.exchange, desk.state, epoch=3)
        for late in (desk, after):
            late.seen(first.seen())
            late.seen(first.seen())
            assert Decimal(20) == late.state.positions[BTC].amount

    run_virtually(main())


def test_an_order_of_a_younger_pod_fences_this_one():
    async def main():
        desk = Desk(epoch=1)
        desk.seen(desk.exchange.take(intent(1, epoch=2)).seen())
        assert "Fenced" == desk.blocked(ETH).partition(":")[0]
        assert desk.fenced.is_set()

    run_virtually(main())


def test_a_younger_pods_cancel_of_an_order_fences_the_one_that_made_it():
    """The younger names its cancel by its own epoch; by that the older, which nobody else tells, knows that it is not alone."""

    async def main():
        older = Desk(epoch=1)
        await older.submit(resting := intent(1, order_type="limit"))
        younger = Desk(older.exchange, state=older.state, epoch=2)
        assert "Canceled" == (await younger.cancel(resting.client_order_id)).status
        (by,) = younger.fake.ended_by
        older.seen(replace(older.exchange.book[resting.client_order_id].seen(), ended_by=by))
        assert "Fenced" == older.blocked(BTC, "sell").partition(":")[0]
        assert older.fenced.is_set()

    run_virtually(main())


def test_a_pods_cancel_of_its_own_order_fences_nobody():
    """It needs no name: whoever hears of it made it."""

    async def main():
        desk = Desk()
        await desk.submit(resting := intent(1, order_type="limit"))
        await desk.cancel(resting.client_order_id)
        desk.seen(replace(desk.exchange.book[resting.client_order_id].seen(), ended_by="x-of-the-exchange"))
        assert [""] == desk.fake.ended_by
        assert not desk.fenced.is_set()

    run_virtually(main())


def test_a_fill_that_cannot_be_written_down_is_asked_for_again():
    """Until then nothing else is sent, for any symbol."""

    async def main():
        desk = Desk()
        async with background(desk):
            desk.fake.faults["place"] = ["lost after"]
            await desk.submit(intent())
            desk.full = True
            await asyncio.sleep(1)
            assert "LedgerFull" == desk.blocked(ETH, "sell").partition(":")[0]
            desk.full = False
            await asyncio.sleep(5)
        assert Decimal(10) == desk.state.positions[BTC].amount
        assert None is desk.blocked(BTC)

    run_virtually(main())


def test_an_order_whose_answer_nobody_waited_for_is_in_doubt():
    async def main():
        desk = Desk()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(desk.submit(intent()), 0.001)
        assert ["Intended", "Unknown"] == desk.types
        await desk.settle()
        assert "NotPlaced" == desk.order(intent().client_order_id).status

    run_virtually(main())


def test_a_second_order_under_the_same_id_ends_purchases_of_its_symbol():
    """Nobody knows what is held then; selling stays possible, and other symbols."""

    async def main():
        desk = Desk()
        await desk.submit(intent())
        resting = desk.exchange.book[intent().client_order_id]
        desk.seen(resting.seen(replace(resting.report(), exchange_order_id="x9")))
        assert "Twin" == desk.blocked(BTC).partition(":")[0]
        assert (None, None) == (desk.blocked(BTC, "sell"), desk.blocked(ETH))
        assert Decimal(10) == desk.state.positions[BTC].amount

    run_virtually(main())


def test_the_lists_are_swept_for_orders_that_arrive_after_the_gate_has_looked():
    """Within a minute and a half; their intent went with the disk of the pod before."""

    async def main():
        desk = Desk(epoch=2)
        desk.watch([BTC], 0)
        async with background(desk):
            await asyncio.sleep(10)
            desk.exchange.take(intent(5, epoch=1))
            await asyncio.sleep(90)
        assert Decimal(10) == desk.state.positions[BTC].amount

    run_virtually(main())


def test_a_cancelled_desk_ends_even_when_it_is_woken_at_the_same_moment():
    """Python 3.11's wait_for swallows a cancel that comes together with what it waits for."""

    async def main():
        desk = Desk()
        task = asyncio.create_task(desk.run())
        await asyncio.sleep(1)
        desk._wake.set()
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=1)
        assert {task} == done

    run_virtually(main())
