"""Paper in the book: depth, queues, latency, funds, and what a new pod puts back. Virtual time, numbers to check by hand."""

import asyncio
from decimal import Decimal

import pytest
from asked_order import asked
from virtual_time import run_virtually

from tradewind_api.ledger import LedgerState, Position
from tradewind_engine.trading.book import Book, Print
from tradewind_engine.trading.commission import Fees
from tradewind_engine.trading.orders import Report
from tradewind_engine.trading.rounding import MarketRules
from tradewind_runner.brokers.errors import ExchangeUnavailableError, OrderRejectedError
from tradewind_runner.brokers.paper import PaperBroker

BTC = "BTC/USDT"
RULES = {BTC: MarketRules(BTC, Decimal("0.1"), Decimal("0.01"), min_notional=Decimal(5))}
STATE = LedgerState(currency="USDT", cash=Decimal(10_000), positions={BTC: Position(amount=Decimal(5))})
BOOK = Book(((Decimal(99), Decimal(2)), (Decimal(98), Decimal(3))), ((Decimal(100), Decimal(1)), (Decimal(101), Decimal(2))))


def intent(cid="c1", *, amount="2", **order):
    return asked(cid, BTC, amount=amount, **order)


def broker(state=STATE, book=BOOK):
    found = PaperBroker(RULES, Fees(), lambda: state, lambda: asyncio.get_running_loop().time() * 1000)
    if book is not None:
        found.show(BTC, book)
    return found


def trades(report: Report):
    return [(trade.amount, trade.price, trade.fee, trade.fee_currency) for trade in report.trades]


def test_a_purchase_walks_the_book_and_pays_in_what_it_bought():
    """One at 100, one at 101, a thousandth of each as fee; there and back takes 0.1 s."""

    async def main():
        report = await broker().place(intent())
        wanted = [(1, 100, Decimal("0.001"), "BTC"), (1, 101, Decimal("0.001"), "BTC")]
        assert ("Filled", wanted) == (report.status, trades(report))
        assert 0.1 == asyncio.get_running_loop().time()

    run_virtually(main())


def test_an_order_larger_than_the_book_ends_with_what_was_there():
    async def main():
        report = await broker().place(intent(amount="7"))
        assert ("Expired", Decimal(3)) == (report.status, report.filled)

    run_virtually(main())


def test_a_resting_order_is_filled_by_trades_behind_its_queue():
    """Two stand before it at 99: a trade of 3 leaves 1 for it, a trade through its price the rest."""

    async def main():
        paper = broker()
        assert "Open" == (await paper.place(intent(price="99"))).status
        paper.printed(BTC, Print(1, 1, Decimal(99), Decimal(3), "sell"))
        assert ("Open", Decimal(1)) == ((found := await paper.find(BTC, "c1")).status, found.filled)
        paper.printed(BTC, Print(2, 2, Decimal(98), Decimal(5), "sell"))
        assert ("Filled", Decimal(2)) == ((found := await paper.find(BTC, "c1")).status, found.filled)
        told = [await anext(paper.updates()) for _ in range(3)]
        assert [("Open", 1), ("Open", 2), ("Filled", 2)] == [(seen.report.status, seen.report.filled) for seen in told]

    run_virtually(main())


def test_a_stop_sells_when_the_market_prints_its_price():
    async def main():
        paper = broker()
        await paper.place(intent(side="sell", amount="1", stop="98.5"))
        paper.printed(BTC, Print(1, 1, Decimal("98.4"), Decimal(1), "sell"))
        assert "Filled" == (await paper.find(BTC, "c1")).status

    run_virtually(main())


def test_before_anything_is_shown_nothing_is_taken():
    async def main():
        with pytest.raises(ExchangeUnavailableError):
            await broker(book=None).place(intent())

    run_virtually(main())


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (intent(amount="200", price="99"), "InsufficientFunds"),
        (intent(side="sell", amount="5.1"), "InsufficientFunds"),
        (intent(amount="0.05"), "Filter"),
        (intent(amount="0.1", price="0.01"), "Filter"),
        (intent(side="sell", amount="1", stop="120"), "Other"),
    ],
)
def test_what_the_exchange_would_refuse_is_refused(order, code):
    async def main():
        paper = broker()
        if code == "Other":
            paper.printed(BTC, Print(1, 1, Decimal(100), Decimal(1), "sell"))
        with pytest.raises(OrderRejectedError) as refused:
            await paper.place(order)
        assert (code, None) == (refused.value.code, await paper.find(BTC, "c1"))

    run_virtually(main())


def test_open_orders_hold_what_they_may_need():
    """198 of 10,000; what a second order could not pay is refused."""

    async def main():
        paper = broker()
        await paper.place(intent(price="99"))
        balances = await paper.balances()
        assert (Decimal(10_000), Decimal(9_802)) == (balances.total["USDT"], balances.free["USDT"])
        with pytest.raises(OrderRejectedError):
            await paper.place(intent("c2", amount="99.9", price="99"))

    run_virtually(main())


def test_a_new_pod_puts_back_what_rested_and_forgets_what_never_was_booked():
    """Of the limit order 0.5 was booked before; a market order that was under way has never been."""

    async def main():
        open_intents = {"c1": intent("c1", price="99"), "c2": intent("c2")}
        state = STATE.model_copy(update={"open_intents": open_intents, "open_trades": {"c1": {"paper-c1-1": Decimal("0.5")}}})
        paper = broker(state)
        paper.restore(state)
        assert None is await paper.find(BTC, "c2")
        paper.printed(BTC, Print(1, 1, Decimal(98), Decimal(9), "sell"))
        found = await paper.find(BTC, "c1")
        assert ("Filled", Decimal(2), ["paper-c1-2"]) == (
            found.status,
            found.filled,
            [trade.trade_id for trade in found.trades],
        )

    run_virtually(main())


def test_an_order_that_is_cancelled_keeps_what_was_filled():
    async def main():
        paper = broker()
        await paper.place(intent(price="99"))
        paper.printed(BTC, Print(1, 1, Decimal(99), Decimal(3), "sell"))
        await paper.cancel(BTC, "c1")
        found = await paper.find(BTC, "c1")
        assert ("Canceled", Decimal(1)) == (found.status, found.filled)
        assert [] == await paper.open_orders(BTC)

    run_virtually(main())
