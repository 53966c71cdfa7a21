"""The exchange's own typed client parses every answer and event into its models: market data, streams, WebSocket API."""

import asyncio
import json

import pytest
from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketAPI, ConfigurationWebSocketStreams
from binance_sdk_spot.spot import Spot
from simulator_process import ACCOUNT, KEY, SECRET, Server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    found = Server(tmp_path_factory.mktemp("state"), "--accounts", json.dumps(ACCOUNT), "--speed", "100")
    yield found
    assert 0 == found.stop()


@pytest.fixture
def client(server):
    """Only addresses and keys are given. At a hundred times the speed 500 messages a second are allowed."""
    http, socket = f"http://127.0.0.1:{server.rest}", f"ws://127.0.0.1:{server.rest}"
    return Spot(
        config_rest_api=ConfigurationRestAPI(api_key=KEY, api_secret=SECRET, base_path=http, retries=0),
        config_ws_api=ConfigurationWebSocketAPI(api_key=KEY, api_secret=SECRET, stream_url=f"{socket}/ws-api/v3"),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=socket),
    )


def test_market_data_over_rest(client):
    """Depth, trades, candles, averages and tickers, of one symbol and of all."""
    api = client.rest_api
    depth = api.depth("BTCUSDT", limit=5).data()
    assert (5, 5) == (len(depth.bids), len(depth.asks))
    trades = api.get_trades("BTCUSDT", limit=10).data()
    assert [trades[0].id + n for n in range(10)] == [trade.id for trade in trades]
    assert 3 == len(api.agg_trades("BTCUSDT", from_id=trades[0].id, limit=3).data())
    assert 4 == len(api.klines("BTCUSDT", "1m", limit=4).data()) == len(api.ui_klines("BTCUSDT", "1m", limit=4).data())
    assert 5 == api.avg_price("BTCUSDT").data().mins
    assert "BTCUSDT" == api.ticker24hr(symbol="BTCUSDT").data().actual_instance.symbol
    assert 3 == len(api.ticker24hr(type="MINI").data().actual_instance)
    best = api.ticker_book_ticker(symbol="BTCUSDT").data().actual_instance
    assert float(best.bid_price) < float(best.ask_price)
    assert "ETHUSDT" == api.exchange_info(symbol="ETHUSDT").data().symbols[0].symbol


async def test_streams(client):
    """One connection, eight streams, each event in its model."""
    connection = client.websocket_streams
    await connection.create_connection()
    seen = {}
    try:
        for name, stream in {
            "trade": await connection.trade("btcusdt"),
            "aggTrade": await connection.agg_trade("btcusdt"),
            "kline": await connection.kline("btcusdt", "1m"),
            "24hrMiniTicker": await connection.mini_ticker("btcusdt"),
            "24hrTicker": await connection.ticker("btcusdt"),
            "depthUpdate": await connection.diff_book_depth("btcusdt", update_speed="100ms"),
            "partial": await connection.partial_book_depth("btcusdt", 5, update_speed="100ms"),
            "bookTicker": await connection.book_ticker("btcusdt"),
        }.items():
            stream.on("message", lambda event, name=name: seen.setdefault(name, event))
        for _ in range(100):
            if len(seen) == 8:
                break
            await asyncio.sleep(0.05)
    finally:
        await connection.close_connection(close_session=True)
    assert {"trade", "aggTrade", "kline", "24hrMiniTicker", "24hrTicker", "depthUpdate", "partial", "bookTicker"} == set(seen)
    assert "1m" == seen["kline"].k.i
    assert seen["aggTrade"].f <= seen["aggTrade"].l
    assert seen["depthUpdate"].u >= seen["depthUpdate"].U
    assert float(seen["bookTicker"].b) < float(seen["bookTicker"].a)


@pytest.mark.filterwarnings("ignore:parameter 'timeout' of type 'float':DeprecationWarning")  # the client's own affair
async def test_the_websocket_api(client):
    """Orders, look-ups and the user's events."""
    connection = client.websocket_api
    await connection.create_connection()
    events = []
    try:
        assert (await connection.ping()).data() is not None
        assert (await connection.time()).data().result.server_time > 0
        assert 5 == len((await connection.depth("BTCUSDT", limit=5)).data().result.bids)
        assert 3 == len((await connection.klines("BTCUSDT", "1m", limit=3)).data().result)
        assert 4 == len((await connection.trades_recent("BTCUSDT", limit=4)).data().result)
        stream = (await connection.user_data_stream_subscribe_signature()).stream
        stream.on("message", events.append)
        placed = (await connection.order_place("BTCUSDT", "BUY", "MARKET", quantity=0.01)).data()
        assert ("FILLED", "REQUEST_WEIGHT") == (placed.result.status, placed.rate_limits[0].rate_limit_type)
        found = (await connection.order_status("BTCUSDT", order_id=placed.result.order_id)).data()
        assert placed.result.client_order_id == found.result.client_order_id
        limit = {"time_in_force": "GTC", "quantity": 0.01, "price": 30000.0}
        rests = (await connection.order_place("BTCUSDT", "BUY", "LIMIT", **limit)).data()
        listed = (await connection.open_orders_status(symbol="BTCUSDT")).data()
        assert [rests.result.order_id] == [order.order_id for order in listed.result]
        gone = (await connection.order_cancel("BTCUSDT", order_id=rests.result.order_id)).data()
        assert "CANCELED" == gone.result.status
        assert {"BTC", "USDT"} <= {row.asset for row in (await connection.account_status()).data().result.balances}
    finally:
        await connection.close_connection(close_session=True)
    kinds = [type(event.actual_instance).__name__ for event in events]
    assert ["ExecutionReport", "OutboundAccountPosition"] * 4 == kinds
