"""What goes out to each exchange of the table: real ccxt's own requests, taken down byte for byte where they would be written.

An order by its outline is the one that ccxt makes, or there is no outline. Each order bears its id, and the amount in the base
currency. Nothing here knows what an exchange makes of it: only Binance is proved against one.
"""

import base64
import contextlib
import json
import re
import time
import uuid
from urllib.parse import unquote

import pytest
from asked_order import asked

from tradewind_api.runner import ExchangeConfig, ExchangeCredential
from tradewind_engine.trading.identity import client_order_id
from tradewind_runner.brokers import ccxt_client, dialects
from tradewind_runner.brokers.ccxt import CcxtBroker
from tradewind_runner.brokers.dialects import DIALECTS, Dialect
from tradewind_runner.brokers.errors import BrokerError, OrderRejectedError
from tradewind_runner.brokers.limiter import Limiter
from tradewind_runner.brokers.lines import Lines, Reply
from tradewind_runner.exchange_clock import ExchangeClock

pytestmark = pytest.mark.slow

BTC, NOW_S = "BTC/USDT", 1_795_000_000.0
NATIVE = dict.fromkeys(("okx", "okxus", "myokx", "kucoin", "coinbase"), "BTC-USDT")
NATIVE |= dict.fromkeys(("gate", "gateeu", "cryptocom"), "BTC_USDT")
STOPS = {"binance", "binanceus"}
OUTLINED = {"binance", "binanceus", "bitstamp", "kraken", "mexc"}
RULES = {  # what each exchange takes as an id, by its own documents
    "binance": r"[.A-Z:/a-z0-9_-]{1,36}",
    "binanceus": r"[.A-Z:/a-z0-9_-]{1,36}",
    "bitget": r"[.A-Z:/a-z0-9_-]{1,32}",
    "bitstamp": r"[A-Za-z0-9_-]{1,36}",
    "bybit": r"[A-Za-z0-9_-]{1,36}",
    "bybiteu": r"[A-Za-z0-9_-]{1,36}",
    "coinbase": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "cryptocom": r"[A-Za-z0-9_-]{1,36}",
    "gate": r"t-[0-9A-Za-z_.-]{1,28}",
    "gateeu": r"t-[0-9A-Za-z_.-]{1,28}",
    "htx": r"[A-Za-z0-9_-]{1,64}",
    "kraken": r"[ -~]{1,18}",
    "kucoin": r"[A-Za-z0-9_-]{1,40}",
    "mexc": r"[A-Za-z0-9_-]{1,32}",
    "myokx": r"[A-Za-z0-9]{1,32}",
    "okx": r"[A-Za-z0-9]{1,32}",
    "okxus": r"[A-Za-z0-9]{1,32}",
}
TOLD_AS = {  # what each exchange calls the id in its lists of orders
    "bitget": "clientOid",
    "bitstamp": "client_order_id",
    "bybit": "orderLinkId",
    "coinbase": "client_order_id",
    "cryptocom": "client_oid",
    "gate": "text",
    "htx": "client-order-id",
    "kraken": "cl_ord_id",
    "kucoin": "clientOid",
    "okx": "clOrdId",
}
KIND_OF_ACCOUNT = {  # what ccxt asks for before its first order
    "v5/user/query-api": {"retCode": 0, "result": {"uta": 1, "unified": 0}},
    "v5/account/info": {"retCode": 0, "result": {"unifiedMarginStatus": 6}},
    "v1/account/accounts": {"status": "ok", "data": [{"id": 7, "type": "spot", "subtype": "", "state": "working"}]},
    "v3/account/settings": {"code": "40085", "msg": "no unified account"},
    "account/mode": {"code": "200000", "data": {"selfAccountMode": "CLASSIC"}},
    "account/detail": {"user_id": 1, "key": {"mode": 1}},
}
ENDS_AT_ONCE = {"mexc": b"immediate_or_cancel", "cryptocom": b"immediate_or_cancel"}  # others say IOC somehow
LIMITS = ["300000.01", "60000.1", "50500", "50500.01", "99.99", "100", "10.5", "1234.56", "1", "0.1", "0.01", "1000000"]
AMOUNTS = ["0.00002", "0.00009", "0.0001", "0.01", "0.1", "0.12345", "1", "1.5", "10", "100", "1234.56789", "9000"]


class Written(Lines):
    """Lines on which nothing is sent: requests are taken down as they would be written, orders are not answered well."""

    def __init__(self):
        super().__init__()
        self.requests = []

    async def ask(self, method, url, headers, body, *, leave, seconds):
        origin, request = self._written(method, url, headers, body)
        await leave()
        self.requests.append((origin.way.url.host, request))
        told = next((answer for path, answer in KIND_OF_ACCOUNT.items() if path in url), {"odd": "answer"})
        return Reply(200, "OK", {}, json.dumps(told))

    @property
    def orders(self):
        return [request for _, request in self.requests if not request.startswith(b"GET ")]


def market(api, ccxt_id):
    grid = (5, 2) if api.precisionMode == 2 else ("0.00001", "0.01")
    parts = {
        "precision": dict(zip(("amount", "price"), grid, strict=True)),
        "info": {"orderTypes": ["MARKET", "LIMIT", "STOP_LOSS_LIMIT"]},
    }
    native, limits = NATIVE.get(ccxt_id, "BTCUSDT"), {"amount": {"min": "0.00001"}, "cost": {"min": "5"}, "price": {}}
    names = {"id": native, "lowercaseId": native.lower(), "symbol": BTC, "base": "BTC", "quote": "USDT", "baseId": "BTC"}
    kinds = {"type": "spot", "spot": True, "active": True} | dict.fromkeys(("swap", "future", "option", "contract"), False)
    return api.safe_market_structure(names | {"quoteId": "USDT", "limits": limits} | parts | kinds)


@pytest.fixture
def still(monkeypatch):
    """Have no time pass, and no chance: what is signed twice is signed alike."""
    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=7))
    now = [NOW_S]
    return now


@pytest.fixture
async def connect(still, monkeypatch):
    """Return a connector to an exchange whose market is made up; its clock goes by the same time."""
    brokers = []

    async def connected(ccxt_id):
        clock = ExchangeClock(monotonic=lambda: still[0])
        secret = base64.b64encode(b"secret of 24 bytes......").decode()
        credential = ExchangeCredential(id="k", version=1, api_key="key", secret=secret, password="word")
        lines, limiter = Written(), Limiter()
        monkeypatch.setattr(ccxt_client, "Lines", lambda: lines)
        monkeypatch.setattr(limiter, "turn", at_once)
        broker = CcxtBroker(ExchangeConfig(name="s", ccxt_id=ccxt_id), credential, [BTC], clock=clock, limiter=limiter)
        brokers.append(broker)
        api = broker._api

        async def answered(found):
            return found

        api.fetch_time = lambda *_: answered(int(still[0] * 1000))
        api.fetch_markets = lambda *_: answered([market(api, ccxt_id)])
        api.fetch_ticker = lambda *_: answered({"symbol": BTC, "ask": "50000", "last": "49999"})
        api.uid = "uid"
        await broker.connect()
        assert [] == lines.orders
        return broker, lines

    yield connected
    for broker in brokers:
        await broker.close()


async def at_once(**_):
    """Our limiter is not what is asked about here."""


def intent(number=1, *, amount="0.5", **order):
    return asked(client_order_id("uid", 1, number), BTC, amount=amount, **order)


async def sent(broker, lines, *arguments, **keywords):
    """Return the one order that a placing writes, as it is on the line; the made-up answer to it is none."""
    lines.requests.clear()
    broker._api.options.pop("lastNonce", None)  # Kraken's, which counts on when no time has passed
    with pytest.raises(BrokerError):
        await broker.place(intent(*arguments, **keywords))
    (order,) = lines.orders
    return order


def words(request):
    """Return the names and values in a request's target and body, whatever they are written in."""
    head, _, body = request.decode().partition("\r\n\r\n")
    text = unquote(f"{head.splitlines()[0]} {body}")
    return set(re.split(r"[^\w.-]+", text))


@pytest.mark.parametrize("ccxt_id", sorted(DIALECTS))
@pytest.mark.parametrize("side", ["buy", "sell"])
async def test_a_market_order_with_an_outline_is_to_the_byte_the_request_that_ccxt_itself_makes(connect, still, ccxt_id, side):
    """Of any size and limit, and an hour after the outline was made; whoever has none is left to ccxt."""
    broker, lines = await connect(ccxt_id)
    outlines = dict(broker._outlines)
    assert (ccxt_id in OUTLINED) == DIALECTS[ccxt_id].outlined == ((BTC, side) in outlines)
    still[0] += 3600
    for number, amount in enumerate(AMOUNTS, start=1):
        broker._outlines = outlines
        order = {"side": side, "amount": amount} | ({"most": LIMITS[number - 1]} if side == "buy" else {})
        ours = await sent(broker, lines, number, **order)
        broker._outlines = {}
        assert (amount, await sent(broker, lines, number, **order)) == (amount, ours)


@pytest.mark.parametrize("ccxt_id", sorted(DIALECTS))
@pytest.mark.parametrize(
    "order",
    [{"side": "buy", "most": "50500"}, {"side": "sell"}, {"side": "buy", "price": "49000"}, {"side": "sell", "price": "51000"}],
    ids=["bought", "sold", "bought at a limit", "sold at a limit"],
)
async def test_an_order_bears_our_id_in_a_form_that_the_exchange_takes_and_its_amount_in_the_base_currency(
    connect, ccxt_id, order
):
    broker, lines = await connect(ccxt_id)
    spelt = DIALECTS[ccxt_id].spell(client_order_id("uid", 1, 1))
    assert re.fullmatch(RULES[ccxt_id], spelt)
    found = words(await sent(broker, lines, amount="0.12345", **order))
    prices = {order[name] for name in ("most", "price") if name in order}
    assert {spelt, "0.12345", *prices} <= found
    assert prices == {"49000", "50500", "51000"} & found
    assert not {"quoteCoin", "quote_ccy", "QUOTECCY", "viqc", "quoteOrderQty", "funds", "quote_size"} & found


@pytest.mark.parametrize("ccxt_id", sorted(DIALECTS))
async def test_a_purchase_at_the_market_is_a_limit_that_ends_at_once_by_the_exchange_s_own_word(connect, ccxt_id):
    broker, lines = await connect(ccxt_id)
    assert ENDS_AT_ONCE.get(ccxt_id, b"ioc") in (await sent(broker, lines, most="50500")).lower()
    assert ENDS_AT_ONCE.get(ccxt_id, b"ioc") not in (await sent(broker, lines, price="50500")).lower()


@pytest.mark.parametrize("ccxt_id", sorted(name for name, dialect in DIALECTS.items() if dialect.finds))
async def test_an_order_is_asked_about_by_our_id(connect, ccxt_id):
    broker, lines = await connect(ccxt_id)
    with pytest.raises(BrokerError):
        await broker.find(BTC, client_order_id("uid", 1, 1))
    assert client_order_id("uid", 1, 1) in words(lines.requests[-1][1])
    assert "None" not in words(lines.requests[-1][1])


@pytest.mark.parametrize("ccxt_id", sorted(name for name, dialect in DIALECTS.items() if dialect.cancels))
async def test_an_order_is_ended_by_our_id(connect, ccxt_id):
    broker, lines = await connect(ccxt_id)
    with contextlib.suppress(BrokerError):
        await broker.cancel(BTC, client_order_id("uid", 1, 1))
    (request,) = lines.orders
    assert client_order_id("uid", 1, 1) in words(request)
    assert "None" not in words(request)


@pytest.mark.parametrize("ccxt_id", sorted(DIALECTS))
async def test_our_id_is_read_again_from_how_an_exchange_tells_it(connect, ccxt_id):
    broker, _lines = await connect(ccxt_id)
    dialect, cid, api = DIALECTS[ccxt_id], client_order_id("uid", 1, 1), broker._api
    name = next((name for known, name in TOLD_AS.items() if known in ccxt_id), "clientOrderId")
    told = api.parse_order({name: dialect.spell(cid), "symbol": NATIVE.get(ccxt_id, "BTCUSDT")}, api.market(BTC))
    assert cid == dialect.read(told["clientOrderId"])


@pytest.mark.parametrize("ccxt_id", sorted(DIALECTS))
async def test_a_stop_is_sent_as_one_where_that_is_proved_and_not_at_all_elsewhere(connect, ccxt_id):
    """Kraken, MEXC and Bitstamp would be sent a sale at once, Coinbase one that waits for a rise: the bot keeps those."""
    broker, lines = await connect(ccxt_id)
    with pytest.raises(BrokerError) as refused:
        await broker.place(intent(side="sell", price="44500", stop="45000"))
    if ccxt_id not in STOPS:
        assert (OrderRejectedError, []) == (type(refused.value), lines.orders)
        return
    (order,) = lines.orders
    assert {"STOP_LOSS_LIMIT", "45000", "44500"} <= words(order)


async def test_an_order_that_ccxt_would_send_without_our_id_stays_here(connect, monkeypatch):
    """An exchange of which nobody knew that ccxt passes its id on under another name."""
    monkeypatch.setitem(dialects.DIALECTS, "cryptocom", Dialect())
    broker, lines = await connect("cryptocom")
    with pytest.raises(OrderRejectedError, match="leaves out"):
        await broker.place(intent())
    assert [] == lines.orders


@pytest.mark.parametrize("ccxt_id", ["bitget", "coinbase", "gate", "htx"])
async def test_a_purchase_without_a_limit_stays_here_where_it_would_be_counted_in_quote(connect, ccxt_id):
    """No bot asks for one any more; a ledger of an earlier version may."""
    broker, lines = await connect(ccxt_id)
    with pytest.raises(BrokerError):
        await broker.place(intent())
    assert [] == lines.orders
