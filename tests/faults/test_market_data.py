"""F33-F40: market data that is silent, cut, missing, unfinished, late, changed or absurd. Nobody trades on what is not so."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from faults.hosting import MINUTE, SPEED, HostedWorld, hosted
from faults.matrix import stand_still
from live_world import holding
from simulator_process import Server

from tradewind_api.document.validation import parse_document
from tradewind_api.runner import ExchangeConfig
from tradewind_engine.candles import Candles
from tradewind_engine.strategy.evaluate import evaluate
from tradewind_engine.trading.book import Book
from tradewind_runner.exchange import Exchange
from tradewind_runner.feed import stream
from tradewind_runner.feed.tape import EMPTY, Tape
from tradewind_runner.spread import spread

pytestmark = pytest.mark.slow
KLINES = "btcusdt@kline_1m"
A_DAY = ("--socket-life-hours", "0.25")
# Closes of BTC/USDT before and after the halt; the first fourteen are a level before the recorded six.
BEFORE = [28010, 28030, 28060, 28020, 28000, 27990, 28000, 28050, 28080, 28060, 28040, 28020, 28010, 28030]
BEFORE += [28037.0, 27984.84, 28047.0, 28024.26, 28080.39, 28080.0]
AFTER = [27858.24, 27916.47, 28160.01, 28090.25, 28033.04, 28095.82, 28093.33, 28007.61, 27998.43, 28020.8, 28008.79, 27989.06]


def on_candles(action, **more):
    return {"match": {"method": "EVENT", "path": KLINES}, "action": action} | more


def gap(changes):
    """Return the rule that leaves out so many changes of a book."""
    return {"match": {"method": "EVENT", "path": "*@depth*"}, "action": "suppress", "times": changes}


def crossed(server):
    """Return the rule that answers a question for the book with one whose best bid is far above its best ask."""
    told = server.get("depth?symbol=BNBUSDT&limit=100")
    body = told | {"bids": [["600.00000000", "1.00000000"], *told["bids"]]}
    return {"match": {"method": "GET", "path": "/api/v3/depth"}, "action": {"type": "answer", "status": 200, "body": body}}


def endpoint(server):
    return {"rest": f"http://127.0.0.1:{server.rest}", "ws": f"ws://127.0.0.1:{server.rest}"}


def whole(shown, server):
    """Return whether the book that the exchange's REST tells is one of those that were shown."""
    told = server.get("depth?symbol=BNBUSDT&limit=20")
    sides = [tuple((Decimal(price), Decimal(amount)) for price, amount in told[side]) for side in ("bids", "asks")]
    return any(sides == [book.bids[:20], book.asks[:20]] for book in shown)


async def until(look):
    async with asyncio.timeout(20):
        while not look():
            await asyncio.sleep(0.05)


def subscriptions(live):
    return [entry for entry in live.requests() if entry["path"].startswith("userDataStream.subscribe")]


def struck(live):
    """Return how many sockets the script has ended."""
    return sum(rule["applied"] for rule in live.control_call("GET", "faults") if rule["match"]["method"] == "WS")


def open_stops(live):
    return [order for order in live.ours() if order["type"] == "STOP_LOSS_LIMIT" and order["status"] == "NEW"]


def on_sockets(action, *, path="/*", **more):
    return {"match": {"method": "WS", "path": path}, "action": action} | more


async def test_f33_a_socket_that_says_nothing_is_replaced(live, monkeypatch, caplog):
    """Nothing closes it. The watchdog does, after 30 s at the latest (one here); what was missed is asked for."""
    assert stream.SILENCE_S <= 30
    monkeypatch.setattr(stream, "SILENCE_S", 1.0)
    async with hosted(live) as running:
        await running.decide()
        live.faults(on_sockets("silence", times=2))
        await running.until(lambda: "no message within 1 s" in caplog.text)
        await running.until(lambda: not running.bot._feed.problem())
        await running.decide()
        await running.stop()
    live.check_decisions()
    live.check()


@pytest.mark.parametrize(
    "end",
    [
        {"type": "close-socket", "code": 1001},
        {"type": "close-socket", "code": 1006},
        {"type": "server-shutdown", "seconds": 0.3},
    ],
    ids=["1001", "1006", "serverShutdown"],
)
async def test_f34_a_socket_that_is_closed_is_opened_again(live, end, caplog):
    """Politely, without a word, or announced, for market data and for orders.

    No candle is left out. Once the stream of orders is open again each order that has not ended is looked up: nobody tells of
    what it did not tell, such as the user's cancel of the bot's stop, which is placed anew.
    """
    untold = {"match": {"method": "EVENT", "path": "executionReport"}, "action": "suppress"}
    live.configure(strategy=holding(stopLossPercent=50))
    async with hosted(live) as running:
        (stop,) = await running.until(lambda: open_stops(live))
        running.bot.desk._pace = replace(running.bot.desk._pace, open_s=3600.0)  # nothing is looked up by itself
        live.faults(untold)
        live.control_call("DELETE", f"accounts/{live.account}/orders?symbol=BTCUSDT&orderId={stop['orderId']}")
        await running.decide()
        assert [] == open_stops(live)
        live.faults(*(on_sockets(end, times=1, path=path) for path in ("/ws-api/*", "/stream", "/ws", "/ws/*")), untold)
        # ccxt may open the other one anew before we have asked it anything, without a word.
        await running.until(lambda: 2 <= struck(live) and "the stream of orders: " in caplog.text)
        await running.until(lambda: not running.bot._feed.problem())
        (again,) = await running.until(lambda: open_stops(live))
        assert again["clientOrderId"] != stop["clientOrderId"]
        await running.decide()
        await running.stop()
    assert 2 <= len(subscriptions(live))
    live.check_decisions()
    live.check()


async def test_f34_sockets_that_have_had_their_day_are_replaced(tmp_path):
    """The exchange ends each after 24 hours (here: a quarter of one), again and again: nothing is left out."""
    server = Server(tmp_path / "simulator", "--order-limit-10s", "0", "--weight-limit", "0", "--speed", str(SPEED), *A_DAY)
    live = HostedWorld(tmp_path, server)
    try:
        async with hosted(live) as running:
            await running.until(lambda: len(subscriptions(live)) > 2)
            await running.until(lambda: not running.bot._feed.problem())
            await running.decide()
            await running.stop()
        live.check_decisions()
        live.check()
    finally:
        live.close()
        assert 0 == server.stop()


def test_f34_pauses_before_a_new_socket_are_spread():
    """A thousand bots that lose their sockets together do not come back together."""
    pauses = {round(spread(1.0), 6) for _ in range(100)}
    assert len(pauses) > 90
    assert all(0.5 <= pause <= 1.5 for pause in pauses)


async def test_f35_a_book_with_a_gap_is_empty_until_it_is_whole_again(server):
    """Changes of the book are left out (U > last + 1): what is shown then is nothing, and after that the exchange's book."""
    shown: list[Book] = []
    server.delete("candles?symbol=BNB/USDT")  # a market that moves
    config = ExchangeConfig.model_validate({"name": "s", "ccxtId": "binance", "endpoint": endpoint(server)})
    exchange = Exchange(config)
    await exchange.connect(["BNB/USDT"])
    tape = Tape(config, exchange.parsed_markets, ["BNB/USDT"], show=lambda _, book: shown.append(book), printed=lambda *_: None)
    running = asyncio.create_task(tape.run())
    try:
        await until(lambda: whole(shown, server))
        server.ask_control("PUT", "faults", [gap(3)])
        await until(lambda: EMPTY in shown)
        after = shown[shown.index(EMPTY) :]
        server.ask_control("DELETE", "faults")
        shown.clear()
        await until(lambda: whole(shown, server))
        assert EMPTY == after[0]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await exchange.close()
        server.ask_control("DELETE", "faults")
        stand_still(server, "BNB/USDT", "500")


async def test_f35_a_book_that_is_crossed_is_no_book(server, caplog):
    """The exchange tells of bids above its asks: nothing of it is shown, and said why; then its book as it is."""
    shown: list[Book] = []
    config = ExchangeConfig.model_validate({"name": "s", "ccxtId": "binance", "endpoint": endpoint(server)})
    exchange = Exchange(config)
    await exchange.connect(["BNB/USDT"])
    server.ask_control("PUT", "faults", [crossed(server)])
    tape = Tape(config, exchange.parsed_markets, ["BNB/USDT"], show=lambda _, book: shown.append(book), printed=lambda *_: None)
    running = asyncio.create_task(tape.run())
    try:
        await until(lambda: caplog.text.count("no book can bid 600") > 1)
        assert {EMPTY} == set(shown)
        server.ask_control("DELETE", "faults")
        await until(lambda: whole(shown, server))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await exchange.close()
        server.ask_control("DELETE", "faults")


async def test_f35_a_paper_bot_in_a_book_with_gaps_trades_on(live, caplog):
    """Orders are filled in a whole book alone; no candle is left out, and each trade is in the ledger once."""
    live.portal.credential = None
    live.configure(mode="Paper", paperFill="Book", credentials=None)
    async with hosted(live) as running:
        await running.until(lambda: live.portal.of_type("Filled"))
        live.faults(gap(1))
        await running.until(lambda: "books and trades: ChecksumError" in caplog.text)
        live.faults()
        filled = len(live.portal.of_type("Filled"))
        await running.until(lambda: len(live.portal.of_type("Filled")) > filled)
        await running.stop()
    fills = [item.data["tradeId"] for item in live.portal.of_type("Filled")]
    assert len(fills) == len(set(fills))
    live.check_decisions()


async def test_f35_a_gap_in_what_is_told_is_filled_by_asking(live):
    """Nothing about six candles is told, and the socket stays: they are asked for, and decided on in their order."""
    async with hosted(live) as running:
        await running.decide()
        live.faults(on_candles("suppress"))
        await running.decide(6)
        live.faults()
        await running.decide()
        await running.stop()
    live.check_decisions()
    live.check()


async def test_f36_a_candle_that_is_not_closed_is_not_traded_on(live):
    """The exchange never says that one has ended: REST is asked, and each decision is on the final candle."""
    live.faults(on_candles("unclosed"))
    async with hosted(live) as running:
        await running.decide(12)
        await running.stop()
    live.check_decisions()
    live.check()


async def test_f37_late_candles_open_nothing_and_exits_go_on(live):
    """Nothing is told, and answers come five candles late: no entry, each with its reason, but what is held can be sold."""
    live.configure(strategy=holding(stopLossPercent=50))
    async with hosted(live) as running:
        await running.until(lambda: running.bot.state.positions)
        late = {"match": {"method": "GET", "path": "/api/v3/klines"}, "action": {"type": "delay", "seconds": 0.5}}
        live.faults(on_candles("suppress"), late)
        await running.decide(4)
        running.bot.close_positions("CloseNow")
        await running.until(running.bot.flat)
        bought, seen = len(live.intents("buy")), len(live.decisions())
        entries = await running.until(lambda: [item for item in live.decisions()[seen + 5 :] if item["action"] == "Enter"])
        assert {"Late", "StaleData"} >= {item["blocked"].partition(":")[0] for item in entries}
        assert bought == len(live.intents("buy"))
        live.faults()
        await running.until(lambda: len(live.intents("buy")) > bought)
        await running.stop()
    live.check_decisions()
    live.check()


async def test_f38_a_halt_makes_no_signals_and_its_candles_stay_missing(live):
    """The exchange's halt of 2023-03-24: ten candles without a trade, then sixteen minutes that do not exist.

    Each candle that there was is decided on once and nothing else is; every purchase follows from a signal on these candles as
    they are, and no candle without a trade gives one.
    """
    first = int(live._server.get("time")["serverTime"]) // MINUTE * MINUTE - len(BEFORE) * MINUTE
    closes = [*BEFORE, *[BEFORE[-1]] * 10, *AFTER]
    opened = [first + (number if number < 30 else number + 16) * MINUTE for number in range(len(closes))]
    rows = [
        (ts, was, max(was, close), min(was, close), close, 0 if 20 <= number < 30 else 100)
        for number, (ts, was, close) in enumerate(zip(opened, [closes[0], *closes[:-1]], closes, strict=True))
    ]
    text = "\n".join(["ts,open,high,low,close,volume", *(",".join(map(str, row)) for row in rows)])
    live._server.put("candles?symbol=BTC/USDT", text.encode())
    try:
        async with hosted(live) as running:
            await running.until(lambda: running.bot.progress.last_candle_ms >= opened[-2])
            await running.stop()
        table = np.array(rows, dtype=float)
        candles = Candles(np.array(opened, dtype=np.int64), *(table[:, column] for column in range(1, 6)))
        signals = evaluate(parse_document(running.bot.config.strategy), candles)
    finally:
        live._server.delete("candles?symbol=BTC/USDT")
    decided = [item["candleOpenMs"] for item in live.decisions()]
    assert opened[opened.index(decided[0]) : -1] == decided[: len(opened) - 1 - opened.index(decided[0])]
    assert set(decided) <= set(opened)
    entered = [opened.index(item["candleOpenMs"]) for item in live.decisions() if item["action"] == "Enter"]
    assert entered
    assert [] == [index for index in entered if not signals.entry[index] or 21 <= index < 30]
    live.check()


async def test_f39_a_candle_that_changes_after_its_close_is_noticed_and_decided_on_once(live, caplog):
    """What was decided stands; the change is told."""
    live.faults(on_candles({"type": "revise", "factor": 1.01}))
    async with hosted(live) as running:
        await running.decide(12)
        await running.until(lambda: "Revised: " in caplog.text)
        await running.stop()
    live.check_decisions(revised=1.01)
    live.check()


@pytest.mark.parametrize("factor", [10, 0.1])
async def test_f40_an_absurd_price_moves_nothing(live, factor, caplog):
    """Ten times the price would take the profit, a tenth of it would stop: both are outside the band."""
    live.configure(strategy=holding(stopLossPercent=50, takeProfitPercent=50))
    async with hosted(live) as running:
        await running.until(lambda: running.bot.state.positions)
        held = len(live.intents("sell"))
        live.faults(on_candles({"type": "absurd", "factor": factor}, times=20))
        await running.until(lambda: "Absurd: " in caplog.text)
        await running.decide(8)
        assert [] == [item for item in live.intents("sell")[held:] if item["orderType"] == "market"]
        assert running.bot.state.positions
        await running.stop()
    live.check_decisions()
    live.check()
