"""The desk against an exchange that misbehaves in any order that hypothesis can think of; the exchange's book is the truth.

Orders of all kinds, answers lost in all ways, reports that come twice, late and in any order, orders that arrive minutes after
they were given up, cancels that meet fills, a ledger that takes nothing for a while, crashes between any two steps, pods that
lose their disk. The seed is fixed. To repeat, or to look further:

    TRADEWIND_SEED=2 TRADEWIND_EXAMPLES=5000 pytest tests/tradewind_runner/test_order_desk_stateful.py
"""

import asyncio
import contextlib
import os
from decimal import Decimal

import hypothesis
import pytest
from fake_exchange import FakeBroker, FakeExchange
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from virtual_time import VirtualLoop

from tradewind_api.fold import fold
from tradewind_api.ledger import EventData, Filled, Intended, LedgerState, event
from tradewind_engine.trading.identity import client_order_id
from tradewind_engine.trading.rounding import MarketRules
from tradewind_runner.gate import Gate
from tradewind_runner.order_desk import BlockedError, OrderDesk
from tradewind_runner.outbox import OutboxFullError

pytestmark = pytest.mark.slow

SEED, EXAMPLES = int(os.environ.get("TRADEWIND_SEED", "1")), int(os.environ.get("TRADEWIND_EXAMPLES", "60"))
UID, SYMBOLS = "uid", ("BTC/USDT", "ETH/USDT")
PLACED = [
    "",
    "lost before",
    "lost after",
    "late",
    "on its way",
    "garbled",
    "no trades",
    "away",
    "skew",
    "limited",
    "rejected",
    "duplicate",
]
FOUND, CANCELED = ["", "away", "lost", "limited", "no trades"], ["", "lost before", "lost after", "away", "filled"]
RULES = {symbol: MarketRules(symbol, Decimal("0.1")) for symbol in SYMBOLS}
PRICES = dict.fromkeys(SYMBOLS, Decimal(100))


class DeskMachine(RuleBasedStateMachine):
    """`groups` is what the disk has, `desk` the pod that runs."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.exchange, self.groups, self.reports = FakeExchange(), [], []
        self.epoch, self.number, self.full, self.task = 0, 0, False, None
        self.anomalies: list[str] = []
        self.lost: set[str] = set()
        self.start()
        hypothesis.note(f"repeat: TRADEWIND_SEED={SEED} TRADEWIND_EXAMPLES={EXAMPLES} pytest {__file__}")

    # ---- the pod

    def start(self) -> None:
        self.epoch, self.number = self.epoch + 1, 0
        self.broker, epoch = FakeBroker(self.exchange), self.epoch

        def book(group: list[EventData]) -> None:
            if self.full or epoch != self.epoch:
                raise OutboxFullError("no")
            self.groups.append((self.now(), group))

        async def begin() -> None:
            self.desk = OrderDesk(self.broker, book, self.now, bot_uid=UID, epoch=epoch, on_anomaly=self.anomalies.append)
            self.desk.resume(self.state)
            gate = Gate(self.broker, self.desk, book, lambda: self.state, self.now)
            passage = await gate.pass_through(SYMBOLS, RULES, PRICES)
            assert ((), None) == (passage.differences, passage.blocked)
            self.task = asyncio.create_task(self.desk.run())

        self.loop.run_until_complete(begin())

    def stop(self) -> None:
        """Kill it: nothing is written any more."""
        self.epoch += 1
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            self.loop.run_until_complete(self.task)

    def now(self) -> float:
        self.exchange.now_ms = 1_000_000 + int(self.loop.time() * 1000)
        return self.exchange.now_ms

    @property
    def events(self) -> list[EventData]:
        return [item for _, group in self.groups for item in group]

    @property
    def state(self) -> LedgerState:
        stamped = [(at, item) for at, group in self.groups for item in group]
        start = LedgerState(currency="USDT", cash=Decimal(10**9), equity=Decimal(10**9))
        return fold([event(UID, 1, seq=n, at_ms=int(at), data=item) for n, (at, item) in enumerate(stamped, 1)], start)

    # ---- what may happen

    def intent(self, symbol: str, side: str, order_type: str) -> Intended:
        self.number += 1
        return Intended(
            client_order_id=client_order_id(UID, self.epoch, self.number),
            symbol=symbol,
            side=side,
            order_type=order_type,
            amount=Decimal(10),
            price=Decimal(100) if order_type == "limit" else None,
            candle_open_ms=0,
            reason="Entry",
        )

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        side=st.sampled_from(["buy", "sell"]),
        order_type=st.sampled_from(["market", "limit"]),
        fault=st.sampled_from(PLACED),
        delay=st.sampled_from([1, 30, 90, 300]),
        crash_after=st.sampled_from([None, None, None, 0.001, 0.006]),
    )
    def submit(self, symbol, side, order_type, fault, delay, crash_after) -> None:
        held = self.state.positions.get(symbol)
        free = (held.amount if held else 0) - sum(10 for o in self.desk.open_orders(symbol) if o.intent.side == "sell")
        if side == "sell" and free < 10:
            side = "buy"
        intent = self.intent(symbol, side, order_type)
        self.broker.faults["place"], self.broker.delay_s = [fault], delay
        reason, posts = self.desk.blocked(symbol, side), self.exchange.posts.total()
        task = self.loop.create_task(self.desk.submit(intent))
        if crash_after is not None:
            self.loop.run_until_complete(asyncio.wait([task], timeout=crash_after))
            self.stop()
            task.cancel()
        try:
            self.loop.run_until_complete(task)
            assert reason is None
        except BlockedError:
            assert reason is not None
            assert posts == self.exchange.posts.total()
        except (OutboxFullError, asyncio.CancelledError):
            pass
        if crash_after is not None:
            self.full = False
            self.start()

    @precondition(lambda self: self.exchange.book)
    @rule(which=st.integers(0, 99), amount=st.integers(1, 10), told=st.booleans())
    def fill(self, which, amount, told) -> None:
        orders = [order for order in self.exchange.book.values() if order.status == "Open"]
        if orders:
            order = orders[which % len(orders)]
            trade = self.exchange.fill(order, Decimal(amount))
            report = order.report(trades=False)
            self.reports.append(order.seen(type(report)(report.exchange_order_id, report.status, report.filled, (trade,))))
            if told:
                self.tell(-1)

    @precondition(lambda self: self.reports)
    @rule(which=st.lists(st.integers(0, 99), min_size=1, max_size=4))
    def reports_again(self, which) -> None:
        for index in which:
            self.tell(index % len(self.reports))

    def tell(self, index) -> None:
        async def say() -> None:
            self.desk.seen(self.reports[index])

        self.loop.run_until_complete(say())

    @rule(which=st.integers(0, 99), fault=st.sampled_from(CANCELED))
    def cancel(self, which, fault) -> None:
        orders = self.desk.open_orders()
        if orders:
            self.broker.faults["cancel"] = [fault]
            self.loop.run_until_complete(self.desk.cancel(orders[which % len(orders)].intent.client_order_id))

    @rule(faults=st.lists(st.sampled_from(FOUND), max_size=5))
    def look_ups_go_wrong(self, faults) -> None:
        self.broker.faults["find"] = faults

    @rule(seconds=st.sampled_from([0.01, 0.5, 5, 70, 400]))
    def wait(self, seconds) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @rule(full=st.booleans())
    def disk(self, full) -> None:
        self.full = full

    @rule(lost=st.sampled_from([0, 0, 1, 3]))
    def crash(self, lost) -> None:
        """The next pod has what the portal has: all, or all but the last groups, which went with the disk."""
        self.stop()
        self.full = False
        if lost:
            gone = [item for _, group in self.groups[-lost:] for item in group]
            self.lost |= {item.client_order_id for item in gone if isinstance(item, Intended)}
            del self.groups[-lost:]
        self.start()

    # ---- what always holds

    @invariant()
    def nothing_is_sent_twice_unless_a_look_up_did_not_find_it(self) -> None:
        for cid, posts in self.exchange.posts.items():
            assert posts <= 1 + self.exchange.absent[cid], cid

    @invariant()
    def no_order_without_an_intent_that_was_written_down(self) -> None:
        intended = {item.client_order_id for item in self.events if isinstance(item, Intended)}
        assert set(self.exchange.book) - self.lost <= intended  # what the disk took with it is adopted within minutes

    @invariant()
    def the_ledger_has_no_fill_that_never_was(self) -> None:
        booked = [(item.client_order_id, item.trade_id) for item in self.events if isinstance(item, Filled)]
        assert len(set(booked)) == len(booked)
        assert set(booked) <= self.real_fills()

    def real_fills(self) -> set[tuple[str, str]]:
        return {(cid, trade.trade_id) for cid, order in self.exchange.book.items() for trade in order.trades}

    def teardown(self) -> None:
        """Once the exchange behaves, an hour is enough: same fills, same open orders, nothing blocked."""
        self.full, self.broker.faults = False, {"place": [], "find": [], "cancel": []}
        self.loop.run_until_complete(asyncio.sleep(3600))
        booked = {(item.client_order_id, item.trade_id) for item in self.events if isinstance(item, Filled)}
        assert self.real_fills() == booked
        there = {cid for cid, order in self.exchange.book.items() if order.status == "Open"}
        assert there == set(self.state.open_intents) == {item.intent.client_order_id for item in self.desk.open_orders()}
        assert [None, None] == [self.desk.blocked(symbol) for symbol in SYMBOLS]
        held = {symbol: position.amount for symbol, position in self.state.positions.items()}
        total = self.loop.run_until_complete(self.broker.balances()).total
        assert {symbol: amount for symbol in SYMBOLS if (amount := total.get(symbol.split("/")[0], Decimal(0)))} == held
        assert not [text for text in self.anomalies if text.startswith("Twin")]
        self.stop()
        self.loop.close()


def test_whatever_goes_wrong_the_ledger_ends_as_the_exchange():
    run_state_machine_as_test(
        hypothesis.seed(SEED)(DeskMachine),
        settings=hypothesis.settings(
            max_examples=EXAMPLES,
            stateful_step_count=25,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )
