"""Live orders through ccxt, on any spot exchange that lets us name our orders; proved on Binance's dialect.

Amounts and prices are put on the exchange's grid here, never for more and never for a worse price, so that ccxt's own rounding
has nothing left to do. When the exchange says that a filter is broken, its rules are read anew, once, and the order goes out
again only if they have changed and a look-up does not find it. Nothing else is ever repeated here, except questions after a
wrong time.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, NoReturn, TypeVar

from tradewind_api.decimals import format_decimal
from tradewind_api.exchange_keys import QUESTIONS, UNREADABLE, key_fault
from tradewind_api.ledger import Intended
from tradewind_api.runner import ExchangeConfig, ExchangeCredential
from tradewind_engine.trading.identity import CHARACTERS
from tradewind_engine.trading.orders import Report
from tradewind_engine.trading.rounding import MarketRules, fault, round_amount, round_price
from tradewind_runner.brokers.ccxt_answers import FUTURE_MS, read_balances, read_order, read_rules, read_trades
from tradewind_runner.brokers.ccxt_client import CcxtClient, FailedError
from tradewind_runner.brokers.classify import not_found
from tradewind_runner.brokers.dialects import dialect_of
from tradewind_runner.brokers.errors import ClockSkewError, OrderRejectedError, OutcomeUnknownError
from tradewind_runner.brokers.limiter import Limiter
from tradewind_runner.brokers.outline import Outline, outline_of
from tradewind_runner.brokers.port import Balances, Leave, SeenOrder, at_once
from tradewind_runner.brokers.user_stream import user_stream
from tradewind_runner.exchange_clock import ExchangeClock

PAGE = 500
Result = TypeVar("Result")


class CcxtBroker:
    """One account on one exchange, for some symbols. `connect` comes first.

    Raises:
        ValueError: The exchange leaves no room for order ids of ours.
    """

    def __init__(
        self,
        config: ExchangeConfig,
        credential: ExchangeCredential,
        symbols: list[str],
        *,
        clock: ExchangeClock,
        limiter: Limiter | None = None,
    ) -> None:
        self._config, self._credential, self._symbols, self._clock = config, credential, symbols, clock
        self._dialect = dialect_of(config.ccxt_id)
        self._client = CcxtClient(config, credential, clock, limiter or Limiter())
        self._api = self._client.api
        self._rules: dict[str, MarketRules] = {}
        self._outlines: dict[tuple[str, str], Outline] = {}

    async def connect(self) -> Mapping[str, MarketRules]:
        """Return the rules of the symbols that the exchange trades. Raises as a question of the port does."""
        await self._ask(self._client.sync_clock)
        await self._load_rules()
        return self._rules

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def place(self, intent: Intended, leave: Leave = at_once) -> Report:
        """Send an order; see the port. Where a stop might go out without what sets it off, the bot has to watch by itself."""
        if intent.stop_price is not None and not self._dialect.stops:
            raise OrderRejectedError(f"stops at {self._config.ccxt_id} are not proved: the bot keeps this one", code="Other")
        amount, price, stop = self._on_grid(intent)
        try:
            return await self._send(intent, amount, price, stop, leave)
        except OrderRejectedError as exc:
            if exc.code != "Filter":
                raise
            await self._load_rules()
            again = self._on_grid(intent)
            if again == (amount, price, stop):
                raise
            found = await self.find(intent.symbol, intent.client_order_id)
            return found if found is not None else await self._send(intent, *again, leave)

    async def cancel(self, symbol: str, client_order_id: str, *, by: str = "") -> None:
        """Ask for an order's end; see the port."""
        exchange_id, parameters = await self._address(symbol, client_order_id)
        if exchange_id is None and not parameters:
            return
        if by and self._dialect.cancel_parameter:
            parameters |= {self._dialect.cancel_parameter: by}
        try:
            await self._client.call(self._api.cancel_order, exchange_id, symbol, parameters, urgent=True)
        except FailedError as failed:
            if not_found(failed.cause, failed.answer):
                return
            await self._translate(failed)

    async def find(self, symbol: str, client_order_id: str) -> Report | None:
        """Return an order with its trades; see the port."""
        seen = await self._seen(symbol, client_order_id)
        if seen is None:
            return None
        report = seen.report
        if report.filled <= sum((trade.amount for trade in report.trades), Decimal(0)):
            return report
        trades = await self._trades(symbol, report.exchange_order_id, seen)
        return Report(report.exchange_order_id, report.status, max(report.filled, sum(t.amount for t in trades)), trades)

    async def orders(self, symbol: str, *, since_ms: int) -> list[SeenOrder]:
        """Return orders of any state; see the port."""
        found: dict[str, SeenOrder] = {}
        start, now = max(since_ms, 1), int(self._clock.now_ms())
        span = self._dialect.window_ms
        while start <= now:
            until = {} if span is None else {"until": start + span}
            page = await self._list(self._lister(), symbol, start, PAGE, until)
            found |= {order.report.exchange_order_id: order for order in page}
            if len(page) >= PAGE and page[-1].created_ms > start:
                start = page[-1].created_ms
            elif span is None:
                break
            else:
                start += span
        return sorted(found.values(), key=lambda order: order.created_ms)

    async def open_orders(self, symbol: str) -> list[SeenOrder]:
        """Return open orders; see the port."""
        return await self._list(self._api.fetch_open_orders, symbol)

    async def balances(self) -> Balances:
        """Return what the account has; see the port."""
        return read_balances(await self._ask(self._client.call, self._api.fetch_balance))

    async def key_trouble(self) -> str:
        """Return why the key must not be traded with; see the port."""
        question = QUESTIONS.get(self._config.ccxt_id)
        if question is None:
            return f"CredentialsRefused: what a key of {self._config.ccxt_id} may do cannot be asked: it might withdraw"
        found = await self._ask(self._client.call, getattr(self._api, question.call))
        try:
            return key_fault(question.read(found))
        except UNREADABLE as exc:
            raise OutcomeUnknownError("the answer does not say what the key may do") from exc

    async def warm(self, orders: int) -> None:
        """Ask for the time on as many lines at once: each is open for a while then; see the port."""
        await asyncio.gather(*(self._ask(self._client.sync_clock) for _ in range(orders)))

    def updates(self) -> AsyncIterator[SeenOrder | None]:
        """Yield changes of orders; see the port."""
        by_id = {self._api.markets[symbol]["id"]: symbol for symbol in self._rules}
        return user_stream(self._config, self._credential, self._clock, by_id)

    def rules(self, symbol: str) -> MarketRules:
        """Return a symbol's rules as they were read last. Raises KeyError for one that is not traded."""
        return self._rules[symbol]

    async def _load_rules(self) -> None:
        parameters: dict[str, str] = {}
        if self._dialect.joined_ids:
            parameters["symbols"] = json.dumps([symbol.replace("/", "") for symbol in self._symbols], separators=(",", ":"))
        markets = await self._ask(self._client.call, self._api.fetch_markets, parameters)
        try:
            self._api.set_markets(markets)
        except (LookupError, TypeError, ValueError, AttributeError) as exc:
            raise OutcomeUnknownError(f"the exchange's markets cannot be read: {type(exc).__name__}") from exc
        known = self._api.markets
        self._rules = {symbol: read_rules(known[symbol]) for symbol in self._symbols if symbol in known}
        outlines = {(symbol, side): await self._outline(symbol, side) for symbol in self._rules for side in ("buy", "sell")}
        self._outlines = {name: outline for name, outline in outlines.items() if outline is not None}

    async def _outline(self, symbol: str, side: str) -> Outline | None:
        """Return the outline of market orders; they may be as small as an order of this symbol can be."""
        if not self._dialect.outlined:
            return None
        rules = self._rules[symbol]
        least = round_amount(rules.min_amount + rules.amount_step, rules)
        given = {
            "amount": (format_decimal(least), format_decimal(least + rules.amount_step)),
            "identity": (self._dialect.spell("0" * CHARACTERS), self._dialect.spell("1" * CHARACTERS)),
        }
        if side == "buy":
            given["price"] = format_decimal(rules.price_tick * 1000), format_decimal(rules.price_tick * 1001)
        first, second = [
            await self._client.asked_for(*self._order(symbol, side, {name: pair[number] for name, pair in given.items()}))
            for number in range(2)
        ]
        return None if first is None or second is None else outline_of(first, second, given)

    def _order(self, symbol: str, side: str, values: Mapping[str, str]) -> tuple[Any, ...]:
        """Return ccxt's arguments for an order at the market: with a price it goes no further than that, and ends at once."""
        parameters = {self._dialect.parameter: values["identity"]}
        if "price" not in values:
            return symbol, "market", side, values["amount"], None, parameters
        return symbol, "limit", side, values["amount"], values["price"], parameters | {"timeInForce": "IOC"}

    def _on_grid(self, intent: Intended) -> tuple[Decimal, Decimal | None, Decimal | None]:
        """Return amount, limit and stop price as they may be sent. Raises OrderRejectedError where none can."""
        rules = self._rules.get(intent.symbol)
        if rules is None:
            raise OrderRejectedError(f"{intent.symbol} is not traded here", code="MarketClosed")
        amount = round_amount(intent.amount, rules)
        price = None if intent.price is None else round_price(intent.price, intent.side, rules)
        stop = None if intent.stop_price is None else round_price(intent.stop_price, intent.side, rules)
        reference = price or stop
        wrong = fault(amount, reference, rules) if reference is not None else None
        if wrong or amount <= 0 or amount < rules.min_amount:
            raise OrderRejectedError(wrong or f"BelowMinimum: {amount} is too little of {intent.symbol}", code="Filter")
        return amount, price, stop

    async def _send(
        self, intent: Intended, amount: Decimal, price: Decimal | None, stop: Decimal | None, leave: Leave
    ) -> Report:
        identity, send = self._dialect.spell(intent.client_order_id), self._api.create_order
        values = {"amount": format_decimal(amount), "identity": identity}
        if price is not None:
            values["price"] = format_decimal(price)
        if intent.order_type == "market":
            arguments = self._order(intent.symbol, intent.side, values)
            outline = self._outlines.get((intent.symbol, intent.side))
            if outline is not None and outline.places.keys() == values.keys():
                send = partial(self._client.by_outline, outline, values)
        else:
            more = {} if stop is None else {"triggerPrice": format_decimal(stop)}
            kind, parameters = "limit" if price is not None else "market", {self._dialect.parameter: identity} | more
            arguments = (intent.symbol, kind, intent.side, values["amount"], values.get("price"), parameters)
        try:
            raw = await self._client.call(send, *arguments, urgent=intent.side == "sell", leave=leave, bearing=identity)
        except FailedError as failed:
            await self._translate(failed)
        return self._checked(raw, intent.symbol, intent.client_order_id, side=intent.side).report

    async def _seen(self, symbol: str, client_order_id: str) -> SeenOrder | None:
        if not self._dialect.finds:
            listed = await self._listed(symbol)
            return next((order for order in listed if order.client_order_id == client_order_id), None)
        parameters = {self._dialect.parameter: self._dialect.spell(client_order_id)}
        for attempt in range(2):
            try:
                raw = await self._client.call(self._api.fetch_order, None, symbol, parameters, urgent=True)
            except FailedError as failed:
                if not_found(failed.cause, failed.answer):
                    return None
                if not (isinstance(failed.meaning, ClockSkewError) and attempt == 0):
                    await self._translate(failed)
                await self._ask(self._client.sync_clock)
            else:
                return self._checked(raw, symbol, client_order_id)
        raise AssertionError("the second attempt returns or raises")

    async def _listed(self, symbol: str) -> list[SeenOrder]:
        """Return open and lately closed orders, for exchanges that cannot be asked by client id."""
        listed = await self._list(self._api.fetch_open_orders, symbol)
        if self._api.has.get("fetchClosedOrders"):
            listed += await self._list(self._api.fetch_closed_orders, symbol)
        if self._api.has.get("fetchCanceledOrders"):
            listed += await self._list(self._api.fetch_canceled_orders, symbol)
        return listed

    def _lister(self) -> Callable[..., Awaitable[Any]]:
        """Return ccxt's list of orders of any state; exchanges without one give open and closed ones."""
        if self._api.has.get("fetchOrders"):
            return self._api.fetch_orders  # type: ignore[no-any-return]  # ccxt has no types

        async def both(symbol: str, since: int, limit: int, parameters: dict[str, Any]) -> list[Any]:
            opened = await self._api.fetch_open_orders(symbol, since, limit, parameters)
            return [*opened, *await self._api.fetch_closed_orders(symbol, since, limit, parameters)]

        return both

    async def _list(self, method: Callable[..., Awaitable[Any]], symbol: str, *arguments: Any) -> list[SeenOrder]:
        raw = await self._ask(self._client.call, method, symbol, *arguments)
        if not isinstance(raw, list):
            raise OutcomeUnknownError("the answer is no list of orders")
        return [self._read(item, symbol) for item in raw]

    async def _trades(self, symbol: str, exchange_id: str, seen: SeenOrder) -> tuple[Any, ...]:
        if self._api.has.get("fetchOrderTrades"):
            raw = await self._ask(self._client.call, self._api.fetch_order_trades, exchange_id, symbol, None, PAGE * 2)
        else:
            raw = await self._ask(self._client.call, self._api.fetch_my_trades, symbol, seen.created_ms or None, PAGE * 2)
        if not isinstance(raw, list):
            raise OutcomeUnknownError("the answer is no list of trades")
        mine = [item for item in raw if isinstance(item, dict) and str(item.get("order")) == exchange_id]
        return read_trades(mine, symbol=symbol, side=seen.side)

    async def _address(self, symbol: str, client_order_id: str) -> tuple[str | None, dict[str, str]]:
        """Return how ccxt is told which order is meant: by client id where that works, else by the exchange's own."""
        if self._dialect.cancels:
            return None, {self._dialect.parameter: self._dialect.spell(client_order_id)}
        seen = await self._seen(symbol, client_order_id)
        return (None if seen is None else seen.report.exchange_order_id), {}

    def _read(self, raw: Any, symbol: str) -> SeenOrder:
        slack = FUTURE_MS * max(1.0, self._config.clock_speed)  # a fast exchange's minute is soon over
        order = read_order(raw, symbol=symbol, latest_ms=self._clock.now_ms() + slack)
        named = raw["info"].get("symbol") if isinstance(raw.get("info"), dict) else None
        if named not in (None, self._api.markets[symbol]["id"]):  # ccxt says the symbol that was asked for, whatever came
            raise OutcomeUnknownError(f"asked about {symbol}, told about {named!r:.40}")
        return SeenOrder(
            order.symbol,
            self._dialect.read(order.client_order_id),
            order.side,
            order.order_type,
            order.amount,
            order.price,
            order.created_ms,
            order.report,
        )

    def _checked(self, raw: Any, symbol: str, client_order_id: str, *, side: str | None = None) -> SeenOrder:
        order = self._read(raw, symbol)
        if order.client_order_id != client_order_id or side not in {None, order.side}:
            raise OutcomeUnknownError(f"asked about order {client_order_id}, told about {order.client_order_id[:36]!r}")
        return order

    async def _ask(self, question: Callable[..., Awaitable[Result]], *arguments: Any) -> Result:
        """Ask something that changes nothing; a wrong time is set right and asked about once more."""
        try:
            return await question(*arguments)
        except FailedError as failed:
            if not isinstance(failed.meaning, ClockSkewError):
                raise failed.meaning from failed.cause
        try:
            await self._client.sync_clock()
            return await question(*arguments)
        except FailedError as failed:
            raise failed.meaning from failed.cause

    async def _translate(self, failed: FailedError) -> NoReturn:
        """Raise what a failed order or cancel means, with the clock set right before whoever asked tries again."""
        if isinstance(failed.meaning, ClockSkewError):
            await self._ask(self._client.sync_clock)
        raise failed.meaning from failed.cause
