"""The control port's part for trading: accounts and their keys, orders by another hand, faults, the journal."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web

from tradewind_simulator.accounts import Account
from tradewind_simulator.calls import Calls
from tradewind_simulator.errors import DialectError
from tradewind_simulator.gateway import Gateway

Handler = Callable[[web.Request], Awaitable[web.Response]]


def add_trading(app: web.Application, gateway: Gateway, calls: Calls) -> None:
    """Add the paths to the control application."""
    _add_accounts(app, gateway)
    _add_hand(app, gateway, calls)
    _add_faults(app, gateway)


def _add_accounts(app: web.Application, gateway: Gateway) -> None:
    accounts = gateway.exchange.accounts

    async def list_all(_: web.Request) -> web.Response:
        return _json([account.view() for account in accounts.all()])

    async def get(request: web.Request) -> web.Response:
        return _json(_account(gateway, request).view())

    async def put(request: web.Request) -> web.Response:
        wanted = await _body(request)
        if not isinstance(wanted, dict):
            raise ValueError("an account is an object")  # noqa: TRY004 - what the border catches
        account = accounts.put(request.match_info["name"], wanted)
        gateway.desk.tell_balances(account, wanted.get("balances", ()))
        return _json(account.view())

    async def revoke(request: web.Request) -> web.Response:
        account = _account(gateway, request)
        key = account.keys.get(request.match_info["key"])
        if key is None:
            raise LookupError(f"{account.name} has no key {request.match_info['key']}")
        key.revoked = True
        return _json(account.view())

    app.router.add_get("/v1/accounts", _border(list_all))
    app.router.add_get("/v1/accounts/{name}", _border(get))
    app.router.add_put("/v1/accounts/{name}", _border(put))
    app.router.add_delete("/v1/accounts/{name}/keys/{key}", _border(revoke))


def _add_hand(app: web.Application, gateway: Gateway, calls: Calls) -> None:
    """Orders that somebody else places on the account: the parameters are those of the exchange."""

    async def place(request: web.Request) -> web.Response:
        return _json(calls.place(_account(gateway, request), await _params(request)))

    async def cancel(request: web.Request) -> web.Response:
        return _json(calls.cancel(_account(gateway, request), dict(request.query)))

    async def orders(request: web.Request) -> web.Response:
        account = _account(gateway, request)
        found = [order for listed in account.orders.values() for order in listed]
        found.sort(key=lambda order: order.order_id)
        return _json([{**order.view(), "trades": order.trade_views()} for order in found])

    app.router.add_post("/v1/accounts/{name}/orders", _border(place))
    app.router.add_delete("/v1/accounts/{name}/orders", _border(cancel))
    app.router.add_get("/v1/accounts/{name}/orders", _border(orders))


def _add_faults(app: web.Application, gateway: Gateway) -> None:
    faults, journal = gateway.faults, gateway.journal

    async def put(request: web.Request) -> web.Response:
        faults.put(await _body(request))
        return _json([rule.view() for rule in faults.rules])

    async def get(_: web.Request) -> web.Response:
        return _json([rule.view() for rule in faults.rules])

    async def delete(_: web.Request) -> web.Response:
        faults.clear()
        return _json([])

    async def read(request: web.Request) -> web.Response:
        query = request.query
        since = int(query.get("since", "0"))
        return _json(journal.read(since=since, method=query.get("method"), path=query.get("path")))

    async def forget(_: web.Request) -> web.Response:
        journal.clear()
        return _json([])

    app.router.add_put("/v1/faults", _border(put))
    app.router.add_get("/v1/faults", _border(get))
    app.router.add_delete("/v1/faults", _border(delete))
    app.router.add_get("/v1/journal", _border(read))
    app.router.add_delete("/v1/journal", _border(forget))


def _border(handler: Handler) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except DialectError as exc:
            return web.Response(body=orjson.dumps(exc.body()), status=exc.status, content_type="application/json")
        except LookupError as exc:
            return _problem(404, "NotFound", str(exc.args[0]))
        except ValueError as exc:
            return _problem(422, "Invalid", str(exc))

    return handle


def _account(gateway: Gateway, request: web.Request) -> Account:
    name = request.match_info["name"]
    account = gateway.exchange.accounts.get(name)
    if account is None:
        raise LookupError(f"there is no account {name!r}: PUT it first")
    return account


async def _body(request: web.Request) -> Any:
    return orjson.loads(await request.read())


async def _params(request: web.Request) -> dict[str, str]:
    found = await _body(request)
    if not isinstance(found, dict):
        raise ValueError("an order is an object of the exchange's parameters")  # noqa: TRY004 - what the border catches
    return {str(name): str(value) for name, value in found.items()}


def _json(value: object) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")


def _problem(status: int, code: str, detail: str) -> web.Response:
    body = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": detail}
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/problem+json")
