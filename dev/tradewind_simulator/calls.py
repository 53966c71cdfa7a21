"""The signed calls, without a transport: account and parameters in, the answer's JSON out. REST and ws-api share them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from tradewind_simulator import parameters as names
from tradewind_simulator import weights
from tradewind_simulator.accounts import Account, ApiKey
from tradewind_simulator.desk import Desk
from tradewind_simulator.errors import DialectError, missing, no_symbol
from tradewind_simulator.parameters import check_names, client_id, needed, wanted_order, whole
from tradewind_simulator.records import OrderRecord, TradeRecord, number, trade_view
from tradewind_simulator.weights import Weight

MOST, DEFAULT = 1000, 500
T = TypeVar("T")
Call = Callable[[Account, Mapping[str, str]], Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A call, what it weighs, the names of its parameters, and which permission the key must have."""

    call: Call
    weight: Weight
    known: frozenset[str]
    permission: str = "read"
    counts: bool = False  # as a new order

    def answer(self, account: Account, params: Mapping[str, str]) -> Any:
        """Return what the call answers. Raises DialectError."""
        check_names(params, self.known)
        return self.call(account, params)


class Calls:
    """All of them, over one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._exchange = desk, desk.exchange
        self._made_ids = 0
        order, replaced = (*names.ORDER, *names.PEGS), (*names.ORDER, *names.PEGS, *names.REPLACED)
        tested, cancelled = (*order, "computeCommissionRates"), (*names.FOUND, *names.RESTRICTED)
        self.endpoints: dict[tuple[str, str], Endpoint] = {
            ("POST", "/api/v3/order"): _trades(self.place, 1, order, counts=True),
            ("POST", "/api/v3/order/test"): _trades(self.test, weights.order_test, tested),
            ("GET", "/api/v3/order"): _reads(self.find, 4, names.FOUND),
            ("DELETE", "/api/v3/order"): _trades(self.cancel, 1, cancelled),
            ("POST", "/api/v3/order/cancelReplace"): _trades(self.cancel_replace, 1, replaced, counts=True),
            ("GET", "/api/v3/openOrders"): _reads(self.open_orders, weights.open_orders, ("symbol",)),
            ("DELETE", "/api/v3/openOrders"): _trades(self.cancel_all, 1, ("symbol",)),
            ("GET", "/api/v3/allOrders"): _reads(self.all_orders, 20, names.BETWEEN),
            ("GET", "/api/v3/myTrades"): _reads(self.my_trades, weights.my_trades, (*names.BETWEEN, "fromId")),
            ("GET", "/api/v3/account"): _reads(self.account, 20, ("omitZeroBalances",)),
            ("GET", "/api/v3/account/commission"): _reads(self.commission, 20, ("symbol",)),
            ("GET", "/api/v3/rateLimit/order"): _reads(self.order_counts, 40, ()),
        }

    def place(self, account: Account, params: Mapping[str, str]) -> dict[str, Any]:
        """Place an order."""
        self._symbol(params)
        return self._desk.place(account, wanted_order(params, self._new_id())).answer()

    def test(self, account: Account, params: Mapping[str, str]) -> dict[str, Any]:
        """Check an order as if it were placed; balances are not looked at, as on the exchange."""
        self._symbol(params)
        self._desk.check(account, wanted_order(params, self._new_id()))
        if params.get("computeCommissionRates") != "true":
            return {}
        rates = self._rates(account)
        return {
            "standardCommissionForOrder": {"maker": rates["maker"], "taker": rates["taker"]},
            "taxCommissionForOrder": {"maker": "0.00000000", "taker": "0.00000000"},
            "discount": self._discount(account),
        }

    def find(self, account: Account, params: Mapping[str, str]) -> dict[str, Any]:
        """Look an order up by its id or client id."""
        symbol = self._symbol(params)
        self._desk.advance(symbol)
        order = self._find(account, symbol, params, "orderId", "origClientOrderId")
        if order is None or not self._visible(order):
            raise DialectError(-2013, "Order does not exist.")
        return order.view()

    def cancel(self, account: Account, params: Mapping[str, str]) -> dict[str, Any]:
        """Cancel an order."""
        return self._cancel(account, params, "orderId", "origClientOrderId")

    def cancel_replace(self, account: Account, params: Mapping[str, str]) -> dict[str, Any]:
        """Cancel an order and place another, in one call."""
        self._symbol(params)
        mode = needed(params, "cancelReplaceMode")
        if mode not in {"STOP_ON_FAILURE", "ALLOW_FAILURE"}:
            raise DialectError(-1130, "Data sent for parameter 'cancelReplaceMode' is not valid.")
        wanted, errors = wanted_order(params, self._new_id()), 0
        found: dict[str, object] = {"cancelResult": "SUCCESS", "newOrderResult": "NOT_ATTEMPTED"}
        try:
            found["cancelResponse"] = self._cancel(account, params, "cancelOrderId", "cancelOrigClientOrderId")
        except DialectError as exc:
            errors += 1
            found["cancelResult"], found["cancelResponse"] = "FAILURE", exc.body()
        if not errors or mode == "ALLOW_FAILURE":
            try:
                found["newOrderResponse"] = self._desk.place(account, wanted).answer()
                found["newOrderResult"] = "SUCCESS"
            except DialectError as exc:
                errors += 1
                found["newOrderResult"], found["newOrderResponse"] = "FAILURE", exc.body()
        else:
            found["newOrderResponse"] = None
        if not errors:
            return found
        if "SUCCESS" in (found["cancelResult"], found["newOrderResult"]):
            raise DialectError(-2021, "Order cancel-replace partially failed.", 409, data=found)
        raise DialectError(-2022, "Order cancel-replace failed.", data=found)

    def open_orders(self, account: Account, params: Mapping[str, str]) -> list[dict[str, Any]]:
        """List the orders that are open, of one symbol or of all."""
        symbol = self._symbol(params) if "symbol" in params else None
        self._advance(account, symbol)
        orders = [order for order in account.open.values() if symbol in {None, order.symbol}]
        return [order.view() for order in orders if self._visible(order)]

    def cancel_all(self, account: Account, params: Mapping[str, str]) -> list[dict[str, Any]]:
        """Cancel all open orders of a symbol."""
        symbol = self._symbol(params)
        self._advance(account, symbol)
        orders = [order for order in account.open.values() if order.symbol == symbol]
        if not orders:
            raise DialectError(-2011, "Unknown order sent.")
        found, floor = [], self._desk.floor(symbol)
        for order in orders:
            cid = self._new_id()
            self._desk.cancel(floor, order, cid)
            found.append(order.cancelled(cid, self._exchange.told_ms()))
        return found

    def all_orders(self, account: Account, params: Mapping[str, str]) -> list[dict[str, Any]]:
        """List orders of any state, oldest first: from an id or a time on, or else the newest."""
        symbol = self._symbol(params)
        self._desk.advance(symbol)
        first = whole(params, "orderId")
        orders = [order for order in account.orders.get(symbol, ()) if first is None or order.order_id >= first]
        found = _between(orders, params, lambda order: order.time_ms)
        return [order.view() for order in _limited(found, params, oldest=first is not None) if self._visible(order)]

    def my_trades(self, account: Account, params: Mapping[str, str]) -> list[dict[str, Any]]:
        """List trades, oldest first: of an order, from an id or a time on, or else the newest."""
        symbol = self._symbol(params)
        self._desk.advance(symbol)
        order_id, first = whole(params, "orderId"), whole(params, "fromId")
        orders: Iterable[OrderRecord] = account.orders.get(symbol, ())
        if order_id is not None:
            one = self._desk.orders.get(order_id)
            orders = [one] if one is not None and one.account is account and one.symbol == symbol else []
        rows = [(order, trade) for order in orders if order.trades and self._visible(order) for trade in order.trades]
        rows = [row for row in rows if first is None or row[1].trade_id >= first]
        rows.sort(key=lambda row: row[1].trade_id)
        found: list[tuple[OrderRecord, TradeRecord]] = _between(rows, params, lambda row: row[1].time_ms)
        return [trade_view(order, trade) for order, trade in _limited(found, params, oldest=first is not None)]

    def account(self, account: Account, params: Mapping[str, str]) -> dict[str, Any]:
        """Answer balances and what the account may do."""
        self._advance(account, None)
        hide = params.get("omitZeroBalances") == "true"
        rates = self._rates(account)
        return {
            "makerCommission": int(account.fees.maker * 10_000),
            "takerCommission": int(account.fees.taker * 10_000),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": rates,
            "canTrade": True,
            "canWithdraw": True,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": account.updated_ms,
            "accountType": "SPOT",
            "balances": [
                {"asset": asset, "free": number(item.free), "locked": number(item.locked)}
                for asset, item in account.balances.items()
                if not hide or item.free or item.locked
            ],
            "permissions": ["SPOT"],
            "uid": account.uid,
        }

    def commission(self, account: Account, params: Mapping[str, str]) -> dict[str, Any]:
        """Answer the rates of a symbol."""
        none = {"maker": "0.00000000", "taker": "0.00000000", "buyer": "0.00000000", "seller": "0.00000000"}
        return {
            "symbol": self._symbol(params),
            "standardCommission": self._rates(account),
            "specialCommission": none,
            "taxCommission": none,
            "discount": self._discount(account),
        }

    def order_counts(self, account: Account, _: Mapping[str, str]) -> list[dict[str, Any]]:
        """Answer how many orders were placed of those that may be."""
        counts = self._exchange.limiter.counts(account.name, self._exchange.clock.now_ms())
        rules = [rule for rule in self._exchange.limiter.rules() if rule["rateLimitType"] == "ORDERS"]
        used = {"SECOND": counts[0], "DAY": counts[1]}
        return [{**rule, "count": used[str(rule["interval"])]} for rule in rules]

    def restrictions(self, key: ApiKey) -> dict[str, Any]:
        """Answer what a key may do."""
        return {
            "ipRestrict": False,
            "createTime": int(self._exchange.clock.start_ms),
            "enableReading": "read" in key.permissions,
            "enableSpotAndMarginTrading": "trade" in key.permissions,
            "enableWithdrawals": "withdraw" in key.permissions,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": False,
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enablePortfolioMarginTrading": False,
        }

    def _cancel(self, account: Account, params: Mapping[str, str], by_id: str, by_cid: str) -> dict[str, Any]:
        symbol = self._symbol(params)
        floor = self._desk.advance(symbol)  # it may be filled by now
        order = self._find(account, symbol, params, by_id, by_cid)
        if order is None:
            raise DialectError(-2011, "Unknown order sent.")
        given = params.get("newClientOrderId") if by_id == "orderId" else params.get("cancelNewClientOrderId")
        cid = client_id(given, "newClientOrderId") if given else self._new_id()
        restriction, partly = params.get("cancelRestrictions"), order.status == "PARTIALLY_FILLED"
        if (restriction == "ONLY_NEW" and partly) or (restriction == "ONLY_PARTIALLY_FILLED" and not partly):
            raise DialectError(-2011, "Order was not canceled due to cancel restrictions.")
        self._desk.cancel(floor, order, cid)
        return order.cancelled(cid, self._exchange.told_ms())

    def _find(self, account: Account, symbol: str, params: Mapping[str, str], by_id: str, by_cid: str) -> OrderRecord | None:
        order_id, cid = whole(params, by_id), params.get(by_cid)
        if order_id is not None:
            order = self._desk.orders.get(order_id)
            fits = order is not None and order.account is account and order.symbol == symbol and cid in {None, order.wanted.cid}
            return order if fits else None
        if not cid:
            raise DialectError(-1102, f"Param '{by_cid}' or '{by_id}' must be sent, but both were empty/null!")
        return account.by_cid.get((symbol, cid))

    def _visible(self, order: OrderRecord) -> bool:
        """Return whether a look-up finds the order; a fault can make look-ups lag behind."""
        if order.hidden_times > 0:
            order.hidden_times -= 1
            return False
        return self._exchange.clock.now_ms() >= order.hidden_until_ms

    def _advance(self, account: Account, symbol: str | None) -> None:
        for each in {order.symbol for order in account.open.values() if symbol in {None, order.symbol}}:
            self._desk.advance(each)

    def _symbol(self, params: Mapping[str, str]) -> str:
        symbol = params.get("symbol")
        if not symbol:
            raise missing("symbol")
        if symbol not in self._exchange.listings:
            raise no_symbol(symbol)
        return symbol

    def _new_id(self) -> str:
        self._made_ids += 1
        return f"simulated{self._made_ids:013d}"

    def _rates(self, account: Account) -> dict[str, str]:
        fees = account.fees
        return {"maker": number(fees.maker), "taker": number(fees.taker), "buyer": number(None), "seller": number(None)}

    def _discount(self, account: Account) -> dict[str, object]:
        used = account.fees.discount_asset is not None
        asset, left = account.fees.discount_asset or "BNB", number(account.fees.discount)
        return {"enabledForAccount": used, "enabledForSymbol": True, "discountAsset": asset, "discount": left}


def _reads(call: Call, weight: Weight, known: Iterable[str]) -> Endpoint:
    return Endpoint(call, weight, names.SIGNED | frozenset(known))


def _trades(call: Call, weight: Weight, known: Iterable[str], *, counts: bool = False) -> Endpoint:
    return Endpoint(call, weight, names.SIGNED | frozenset(known), "trade", counts)


def _between(rows: list[T], params: Mapping[str, str], moment: Callable[[T], int]) -> list[T]:
    start, end = whole(params, "startTime"), whole(params, "endTime")
    if start is not None and end is not None and end - start > 24 * 3_600_000:
        raise DialectError(-1127, "More than 24 hours between startTime and endTime.")
    return [row for row in rows if (start is None or moment(row) >= start) and (end is None or moment(row) <= end)]


def _limited(rows: list[T], params: Mapping[str, str], *, oldest: bool) -> list[T]:
    limit = whole(params, "limit")
    limit = DEFAULT if limit is None else limit
    if not 1 <= limit <= MOST:
        raise DialectError(-1130, "Data sent for parameter 'limit' is not valid.")
    return rows[:limit] if oldest or "startTime" in params else rows[-limit:]
