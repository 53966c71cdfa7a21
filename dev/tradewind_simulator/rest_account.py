"""The exchange's REST interface, the part that wants a key: orders, account, and what clients load at their start."""

from typing import Any

from aiohttp import web

from tradewind_simulator.accounts import ApiKey, Balance
from tradewind_simulator.calls import Calls
from tradewind_simulator.gateway import Gateway
from tradewind_simulator.records import number


def add_account(app: web.Application, gateway: Gateway, calls: Calls) -> None:
    """Add the paths."""
    for (method, path), endpoint in calls.endpoints.items():
        app.router.add_route(method, path, gateway.signed(endpoint))
    exchange = gateway.exchange

    def currencies(key: ApiKey) -> list[dict[str, Any]]:
        symbols = [listing.symbol for listing in exchange.listings.values()]
        assets = dict.fromkeys(asset for symbol in symbols for asset in (symbol.base, symbol.quote))
        held = exchange.accounts.find(key.key)[0].balances
        return [_currency(asset, held.get(asset)) for asset in assets]

    def trade_fees(key: ApiKey) -> list[dict[str, str]]:
        fees = exchange.accounts.find(key.key)[0].fees
        rates = {"makerCommission": number(fees.maker), "takerCommission": number(fees.taker)}
        return [{"symbol": symbol, **rates} for symbol in exchange.listings]

    def nothing(_: ApiKey) -> list[Any]:
        return []

    for path, call, weight in (
        ("capital/config/getall", currencies, 10),
        ("margin/allPairs", nothing, 1),
        ("margin/isolated/allPairs", nothing, 1),
        ("account/apiRestrictions", calls.restrictions, 1),
        ("asset/tradeFee", trade_fees, 1),
    ):
        app.router.add_get(f"/sapi/v1/{path}", gateway.keyed(call, weight))


def _currency(asset: str, held: Balance | None) -> dict[str, Any]:
    nothing = dict.fromkeys(("freeze", "withdrawing", "ipoing", "ipoable", "storage"), "0")
    amounts = {"free": number(held.free), "locked": number(held.locked)} if held else {"free": "0", "locked": "0"}
    return {
        "coin": asset,
        "name": asset,
        "depositAllEnable": False,
        "withdrawAllEnable": False,
        "isLegalMoney": False,
        "trading": True,
        "networkList": [],
        **amounts,
        **nothing,
    }
