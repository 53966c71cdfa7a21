"""The live broker: real ccxt, real sockets, and answers that no well-behaved exchange gives."""

import asyncio
import contextlib
from dataclasses import replace
from decimal import Decimal

import aiohttp
import pytest
from asked_order import asked
from scripted_http import ScriptedExchange

from tradewind_api.runner import ExchangeConfig, ExchangeCredential
from tradewind_engine.trading.identity import client_order_id
from tradewind_engine.trading.orders import Patience
from tradewind_runner.brokers import ccxt_client, lines
from tradewind_runner.brokers.ccxt import CcxtBroker
from tradewind_runner.brokers.errors import (
    CredentialsRefusedError,
    ExchangeUnavailableError,
    OrderRejectedError,
    OutcomeUnknownError,
    RateLimitedError,
)
from tradewind_runner.brokers.user_stream import user_stream
from tradewind_runner.exchange_clock import ExchangeClock
from tradewind_runner.order_desk import HeldBackError, OrderDesk, Pace

pytestmark = pytest.mark.slow

BTC, CID = "BTC/USDT", client_order_id("uid", 1, 1)
CREDENTIAL = ExchangeCredential(id="k", version=1, api_key="APIKEY-CANARY", secret="SECRET-CANARY")


def intent(number=1, **order):
    return asked(client_order_id("uid", 1, number), BTC, **order)


@contextlib.asynccontextmanager
async def connected(monkeypatch=None, timeout_ms=1_000):
    if monkeypatch:
        monkeypatch.setattr(ccxt_client, "TIMEOUT_MS", timeout_ms)
    async with ScriptedExchange() as exchange:
        config = ExchangeConfig(name="s", ccxt_id="binance", endpoint={"rest": f"http://127.0.0.1:{exchange.port}"})
        broker = CcxtBroker(config, CREDENTIAL, [BTC], clock=ExchangeClock())
        await broker.connect()
        try:
            yield exchange, broker
        finally:
            await broker.close()


async def test_an_order_that_the_exchange_lost_is_not_placed_and_not_sent_again(monkeypatch):
    async with connected(monkeypatch) as (exchange, broker):
        exchange.takes, exchange.script = False, ["reset"]
        patience = Patience(tries=3, window_ms=0)
        desk = OrderDesk(
            broker, [].extend, broker._clock.now_ms, bot_uid="uid", epoch=1, patience=patience, pace=Pace(first_s=0.01)
        )
        await desk.submit(intent())
        await desk.settle()
        assert ("NotPlaced", 1) == (desk.order(CID).status, len(exchange.posts))


async def test_our_id_and_amounts_on_the_grid_go_out():
    """Amount down; a buy's price down, a sale's up; a market order bears no price, or ccxt would spend it."""
    async with connected() as (exchange, broker):
        await broker.place(intent(1, amount="1.000019"))
        await broker.place(intent(2, amount="1", price="99.999"))
        await broker.place(intent(3, side="sell", price="100.001"))
        await broker.place(intent(4, side="sell", price="89.5", stop="90.001"))
        names = ("newClientOrderId", "side", "type", "quantity", "price", "stopPrice")
        assert [
            (client_order_id("uid", 1, 1), "BUY", "MARKET", "1.00001", None, None),
            (client_order_id("uid", 1, 2), "BUY", "LIMIT", "1", "99.99", None),
            (client_order_id("uid", 1, 3), "SELL", "LIMIT", "1", "100.01", None),
            (client_order_id("uid", 1, 4), "SELL", "STOP_LOSS_LIMIT", "1", "89.5", "90.01"),
        ] == [tuple(post.get(name) for name in names) for post in exchange.posts]


async def test_what_breaks_a_filter_is_not_sent():
    """Too little for a step, 1 USDT under a minimum of 5, more than the largest amount, a price of nothing."""
    async with connected() as (exchange, broker):
        for amount, price in (("0.000001", None), ("0.01", "100"), ("10000", "100"), ("1", "0.001")):
            with pytest.raises(OrderRejectedError) as refused:
                await broker.place(intent(amount=amount, price=price))
            assert "Filter" == refused.value.code
        assert [] == exchange.posts


async def test_filters_that_changed_are_read_once_and_the_order_goes_out_on_the_new_grid():
    """After a look-up that did not find it; filters that have not changed leave it refused."""
    broken = (400, {"code": -1013, "msg": "Filter failure: LOT_SIZE"})
    async with connected() as (exchange, broker):
        exchange.takes, exchange.step, exchange.script = False, "0.01000000", [broken]
        await broker.place(intent(amount="1.23456"))
        assert ["1.23456", "1.23"] == [post["quantity"] for post in exchange.posts]
        asked = [(method, path) for method, path, _ in exchange.requests[2:]]
        assert [("POST", "order"), ("GET", "exchangeInfo"), ("GET", "order"), ("POST", "order")] == asked
        exchange.script = [broken]
        with pytest.raises(OrderRejectedError, match="LOT_SIZE"):
            await broker.place(intent(2, amount="1.23"))
        assert 3 == len(exchange.posts)


async def test_a_wrong_time_is_set_right_and_the_desk_sends_the_same_order_again():
    async with connected() as (exchange, broker):
        exchange.takes, exchange.script = False, [(400, {"code": -1021, "msg": "Timestamp for this request was 1000ms ahead"})]
        exchange.offset_ms = -6_000
        desk = OrderDesk(broker, [].extend, broker._clock.now_ms, bot_uid="uid", epoch=1)
        await desk.submit(intent())
        await desk.settle()
        first, second = exchange.posts
        assert (CID, CID, "Filled") == (first["newClientOrderId"], second["newClientOrderId"], desk.order(CID).status)
        assert int(second["timestamp"]) < int(first["timestamp"]) - 4_000


async def test_a_question_with_a_wrong_time_is_asked_once_more():
    async with connected() as (exchange, broker):
        exchange.answers["account"] = (400, {"code": -1021, "msg": "Timestamp"})
        with pytest.raises(Exception, match="-1021"):
            await broker.balances()
        assert ["account", "time", "account"] == [path for _, path, _ in exchange.requests[2:]]


async def test_after_429_nothing_goes_out_until_the_exchange_wants_it():
    async with connected() as (exchange, broker):
        exchange.takes, exchange.script = False, [(429, {"code": -1003, "msg": "Too many requests"}, {"Retry-After": "7"})]
        with pytest.raises(RateLimitedError) as limited:
            await broker.place(intent())
        assert 7.0 == limited.value.retry_after_s
        with pytest.raises(RateLimitedError):
            await broker.cancel(BTC, CID)
        assert 1 == len(exchange.requests[2:])


async def test_a_key_that_worked_and_is_revoked_is_no_rate_limit():
    async with connected() as (exchange, broker):
        await broker.balances()
        exchange.answers["account"] = (401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."})
        with pytest.raises(CredentialsRefusedError):
            await broker.balances()


async def test_no_message_carries_key_or_signature(caplog):
    async with connected() as (exchange, broker):
        for status, code in ((401, -2015), (400, -1022), (500, -1000), (400, -1013), (429, -1003)):
            exchange.answers["account"] = (status, {"code": code, "msg": "no"})
            with pytest.raises(Exception) as failed:  # noqa: PT011 - whichever it is
                await broker.balances()
            assert not {"CANARY", "signature"} & set(str(failed.value).split("="))
            assert "CANARY" not in str(failed.value) + caplog.text + repr(CREDENTIAL)


ORDER = {
    "symbol": "BTCUSDT",
    "orderId": 5,
    "clientOrderId": CID,
    "transactTime": 1_800_000_000_000,
    "price": "0",
    "origQty": "1",
    "executedQty": "1",
    "cummulativeQuoteQty": "100",
    "status": "FILLED",
    "type": "MARKET",
    "side": "BUY",
    "fills": [],
}
FILL = {"price": "100", "qty": "0.5", "commission": "0.001", "commissionAsset": "BNB", "tradeId": 1}
GARBLED = {
    "no id": {"orderId": None},
    "another client id": {"clientOrderId": "x-1"},
    "another symbol": {"symbol": "ETHUSDT"},
    "another side": {"side": "SELL"},
    "a status that nobody knows": {"status": "MAYBE"},
    "NaN": {"executedQty": "NaN"},
    "1e308": {"executedQty": "1e308", "origQty": "1e308"},
    "a negative amount": {"executedQty": "-1"},
    "more than was asked for": {"executedQty": "2"},
    "a time that has not come": {"transactTime": 1_800_000_600_000},
    "a trade twice": {"fills": [FILL, {**FILL, "qty": "0.4"}]},
    "more trades than filled": {"fills": [FILL, {**FILL, "tradeId": 2, "qty": "0.6"}]},
    "a trade for nothing": {"fills": [{**FILL, "price": "0"}]},
    "a trade without an id": {"fills": [{**FILL, "tradeId": None}]},
    "a fee that is no number": {"fills": [{**FILL, "commission": "Infinity"}]},
}


async def test_an_answer_that_cannot_be_is_an_answer_that_did_not_come():
    """Each of them: the order is in doubt, and nothing of the answer is kept."""
    async with connected() as (exchange, broker):
        understood = []
        for name, change in GARBLED.items():
            exchange.script = [(200, {**ORDER, **change})]
            try:
                await broker.place(intent())
            except OutcomeUnknownError:
                continue
            understood.append(name)
        assert [] == understood


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_an_order_is_sent_nowhere_else_whatever_the_answer_says_and_is_looked_up(status):
    """Neither the order, with its body after 307 and 308, nor a question with its key: who is named there hears nothing."""
    async with connected() as (exchange, broker), ScriptedExchange() as elsewhere:
        moved = {"Location": f"http://127.0.0.1:{elsewhere.port}/api/v3/order"}
        exchange.takes, exchange.script = False, [(status, {**ORDER, "status": "FILLED"}, moved)]
        patience = Patience(tries=2, window_ms=0)
        desk = OrderDesk(
            broker, [].extend, broker._clock.now_ms, bot_uid="uid", epoch=1, patience=patience, pace=Pace(first_s=0.01)
        )
        order = await desk.submit(intent())
        assert ("Unknown", 1) == (order.status, len(exchange.posts))
        exchange.answers["account"] = (status, {}, moved)
        with pytest.raises(OutcomeUnknownError):
            await broker.balances()
        await desk.settle()
        assert ("NotPlaced", 1, []) == (desk.order(CID).status, len(exchange.posts), elsewhere.requests)


async def test_the_stream_of_orders_subscribes_nowhere_else():
    """The subscription is signed."""
    async with ScriptedExchange() as exchange, ScriptedExchange() as elsewhere:
        exchange.answers["/ws-api/v3"] = (307, {}, {"Location": f"http://127.0.0.1:{elsewhere.port}/ws-api/v3"})
        endpoint = {"rest": f"http://127.0.0.1:{exchange.port}", "ws": f"ws://127.0.0.1:{exchange.port}"}
        config = ExchangeConfig(name="s", ccxt_id="binance", endpoint=endpoint)
        with pytest.raises(ExchangeUnavailableError):
            await anext(user_stream(config, CREDENTIAL, ExchangeClock(), {}))
        assert (1, []) == (len([1 for _, path, _ in exchange.requests if path == "/ws-api/v3"]), elsewhere.requests)


async def test_fees_are_booked_in_the_currency_that_they_were_taken_in():
    async with connected() as (exchange, broker):
        fills = [FILL, {**FILL, "tradeId": 2, "commissionAsset": "USDT", "commission": "0.05"}]
        exchange.script = [(200, {**ORDER, "fills": fills})]
        report = await broker.place(intent())
        assert [(Decimal("0.001"), "BNB"), (Decimal("0.05"), "USDT")] == [(t.fee, t.fee_currency) for t in report.trades]


async def test_the_last_word_on_an_order_is_asked_for_when_it_has_its_connection_and_holds_it_back(monkeypatch):
    """A new connection may take as long as a disk: what has come up meanwhile counts. No byte is sent against the word."""
    heard, connect = [], aiohttp.TCPConnector.connect

    async def connecting(self, *arguments, **keywords):
        found = await connect(self, *arguments, **keywords)
        heard.append("connected")
        return found

    async def no():
        heard.append("asked")
        raise HeldBackError("Killed")

    async with connected() as (exchange, broker):
        monkeypatch.setattr(aiohttp.TCPConnector, "connect", connecting)
        monkeypatch.setattr(lines, "KEPT_S", 0)
        with pytest.raises(HeldBackError):
            await broker.place(intent(1), no)
        assert (["connected", "asked"], []) == (heard, exchange.posts)
        await broker.find(BTC, CID)
        assert ([], None) == (exchange.posts, exchange.book.get(CID))
        await broker.place(intent(2))
        assert [client_order_id("uid", 1, 2)] == [post["newClientOrderId"] for post in exchange.posts]


@pytest.mark.parametrize("side", ["buy", "sell"])
async def test_a_market_order_by_its_outline_is_the_request_and_the_report_that_ccxt_would_have_made(side):
    async with connected() as (exchange, broker):
        assert {(BTC, "buy"), (BTC, "sell")} == set(broker._outlines)
        assert [] == exchange.posts
        order = {"side": side, "amount": "0.12345"} | ({"most": "60000"} if side == "buy" else {})
        reports = [await broker.place(intent(1, **order))]
        broker._outlines.clear()
        reports.append(await broker.place(intent(2, **order)))
        own = {"newClientOrderId", "timestamp", "signature"}
        first, second = ([(name, value) for name, value in post.items() if name not in own] for post in exchange.posts)
        assert first == second
        assert list(exchange.posts[0]) == list(exchange.posts[1])
        assert [(report.status, report.filled, len(report.trades)) for report in reports] == [
            ("Filled", Decimal("0.12345"), 1)
        ] * 2


async def test_an_order_by_an_outline_that_ccxt_would_not_have_sent_is_looked_up_before_it_is_believed():
    async with connected() as (exchange, broker):
        known = broker._outlines[BTC, "buy"]
        parameters = {**known.asked.parameters, "timeInForce": "FOK"}
        broker._outlines[BTC, "buy"] = replace(known, asked=known.asked._replace(parameters=parameters))
        with pytest.raises(OutcomeUnknownError):
            await broker.place(intent(most="60000"))
        assert ("Filled", 1) == ((await broker.find(BTC, CID)).status, len(exchange.posts))


async def test_an_order_that_was_answered_is_never_taken_for_refused_because_ccxt_trips_over_it_afterwards(monkeypatch):
    async with connected() as (exchange, broker):
        from ccxt.base.errors import BadRequest

        def refuse(*_):
            raise BadRequest("too late")

        monkeypatch.setattr(broker._api, "parse_order", refuse)
        with pytest.raises(OutcomeUnknownError):
            await broker.place(intent(most="60000"))
        assert 1 == len(exchange.posts)


@pytest.mark.parametrize("swallowed", [False, True])
async def test_looking_at_what_ccxt_would_send_sends_nothing_even_where_it_tries_again_and_another_way(swallowed, monkeypatch):
    async with connected() as (exchange, broker):
        asked = len(exchange.requests)

        async def create_order(*_):
            with contextlib.suppress(Exception):
                await broker._api.fetch(f"http://127.0.0.1:{exchange.port}/api/v3/order", "POST", {}, "a=1")
            if swallowed:
                with contextlib.suppress(BaseException):
                    await broker._api.privatePostOrder({"symbol": "BTCUSDT"})
            return await broker._api.privatePostOrder({"symbol": "ETHUSDT"})

        monkeypatch.setattr(broker._api, "create_order", create_order)
        found = await broker._client.asked_for(BTC, "market", "buy", "1", None, {})
        assert ("POST", {"symbol": "ETHUSDT"}) == (found.method, found.parameters)
        assert asked == len(exchange.requests)


async def test_an_answer_of_ten_megabytes_is_not_read():
    async with connected() as (exchange, broker):
        exchange.script = ["long"]
        with pytest.raises(OutcomeUnknownError, match="ClientPayloadError"):
            await broker.place(intent())
        exchange.answers["account"] = "long"
        with pytest.raises(OutcomeUnknownError):
            await broker.balances()


async def test_an_exchange_that_is_not_there_has_taken_nothing():
    async with connected() as (exchange, broker):
        await exchange.__aexit__()
        await asyncio.sleep(0.05)
        with pytest.raises(Exception) as failed:  # noqa: PT011 - the class is compared
            await broker.place(intent())
        assert "ExchangeUnavailableError" == type(failed.value).__name__
        exchange._runner = None
        await exchange.__aenter__()
