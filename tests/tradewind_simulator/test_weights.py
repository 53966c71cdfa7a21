"""What the exchange documents of each request and clients rely on: weights, all symbols at once, words for what is not read."""

import json

import pytest
from signed_client import SignedClient, account
from simulator_process import Server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    found = Server(tmp_path_factory.mktemp("weights"), "--accounts", json.dumps({"bot": account(USDT="1000", BTC="5")}))
    yield found
    assert 0 == found.stop()


@pytest.fixture
def client(server):
    return SignedClient(server.rest)


def used(answer):
    return int(answer[1]["X-MBX-USED-WEIGHT-1M"])


@pytest.mark.parametrize(
    ("path", "params", "weight"),
    [
        ("api/v3/depth", {"limit": 100}, 5),
        ("api/v3/depth", {"limit": 101}, 25),
        ("api/v3/depth", {"limit": 1000}, 50),
        ("api/v3/depth", {"limit": 5000}, 250),
        ("api/v3/ticker/24hr", {}, 2),
        ("api/v3/ticker/24hr", {"symbol": None, "symbols": '["BTCUSDT","ETHUSDT"]'}, 2),
        ("api/v3/ticker/24hr", {"symbol": None}, 80),
        ("api/v3/ticker/price", {}, 2),
        ("api/v3/ticker/price", {"symbol": None}, 4),
        ("api/v3/ticker/bookTicker", {"symbol": None}, 4),
        ("api/v3/historicalTrades", {}, 25),
        ("api/v3/openOrders", {"sign": True}, 6),
        ("api/v3/openOrders", {"sign": True, "symbol": None}, 80),
        ("api/v3/myTrades", {"sign": True}, 20),
        ("api/v3/myTrades", {"sign": True, "orderId": 1}, 5),
        ("api/v3/klines", {"interval": "7m"}, 2),  # a refused request weighs as much, and its answer says so
    ],
)
def test_a_request_weighs_what_the_exchange_says(client, path, params, weight):
    """By what is asked for: the depth, one symbol or all, one order's trades. Counted anew where a minute has begun."""
    for _ in range(3):
        before = used(client.ask("GET", "/api/v3/ping", sign=False))
        after = used(client.ask("GET", f"/{path}", **({"sign": False, "symbol": "BTCUSDT"} | params)))
        if after > before:
            break
    assert weight == after - before


def test_prices_of_one_of_some_and_of_all_symbols(client):
    """An object for one, a list for several, and for all where none is named."""
    path = "/api/v3/ticker/price"
    assert "BTCUSDT" == client.json("GET", path, sign=False, symbol="BTCUSDT")[1]["symbol"]
    some = client.json("GET", path, sign=False, symbols='["ETHUSDT","BTCUSDT"]')[1]
    assert ["ETHUSDT", "BTCUSDT"] == [row["symbol"] for row in some]
    rows = client.json("GET", path, sign=False)[1]
    assert {"BTCUSDT", "ETHUSDT", "SOLUSDT"} == {row["symbol"] for row in rows}
    assert all(float(row["price"]) > 0 for row in rows)


def test_old_trades_are_those_that_were_told_before(client):
    """From a number on, as the newest trades had them."""
    newest = client.json("GET", "/api/v3/trades", sign=False, symbol="BTCUSDT", limit=20)[1]
    older = client.json("GET", "/api/v3/historicalTrades", sign=False, symbol="BTCUSDT", fromId=newest[3]["id"], limit=5)[1]
    assert newest[3:8] == older


@pytest.mark.parametrize(
    ("method", "path", "params", "expected"),
    [
        ("GET", "/api/v3/openOrders", {"symbol": "BTCUSDT", "page": 2}, -1104),
        ("GET", "/api/v3/myTrades", {"symbol": "BTCUSDT", "origClientOrderId": "x"}, -1104),
        ("DELETE", "/api/v3/order", {"symbol": "BTCUSDT", "orderId": 1, "side": "BUY"}, -1104),
        ("GET", "/api/v3/account", {"omitZeroBalances": "true", "recvWindow": 4000}, None),
        ("GET", "/api/v3/openOrders", {"symbol": "btcusdt"}, -1100),
        ("GET", "/api/v3/openOrders", {"symbol": "NOPE"}, -1121),
        ("GET", "/api/v3/depth", {"sign": False, "symbol": "btcusdt"}, -1100),
    ],
)
def test_what_a_request_does_not_have_is_refused(client, method, path, params, expected):
    """A parameter of another request, a symbol in small letters: no client gets used to what the exchange does not take."""
    status, found = client.json(method, path, **params)
    assert (200 if expected is None else 400, expected) == (status, found.get("code"))


def test_an_order_with_a_parameter_too_many_is_not_placed(client):
    """As the exchange words it: so many names are known of so many that were sent."""
    status, found = client.order(price="50000", reduceOnly="true")
    message = "Not all sent parameters were read; read '8' parameter(s) but was sent '9'."
    assert (400, {"code": -1104, "msg": message}) == (status, found)
    assert (200, []) == client.json("GET", "/api/v3/openOrders")
    assert 200 == client.order(price="50000", strategyId="7")[0]


def test_a_parameter_that_is_sent_twice_is_refused(client):
    """Where it is signed and where it is not."""
    assert (400, -1101) == _code(client.json("GET", "/api/v3/depth?symbol=BTCUSDT&symbol=ETHUSDT", sign=False))


def test_the_wallet_shows_what_the_account_has(client):
    """Free and locked, by coin."""
    rows = {row["coin"]: row for row in client.json("GET", "/sapi/v1/capital/config/getall")[1]}
    assert "5.00000000" == rows["BTC"]["free"]
    assert {"status": 0, "msg": "normal"} == client.json("GET", "/sapi/v1/system/status", sign=False)[1]


def _code(answer):
    return answer[0], answer[1].get("code")
