"""Orders of accounts on the floors: placed, cancelled, filled, with the money that they lock, spend and bring.

Every call first moves the symbol's market to now. What happens is told to `exchange.events` in the order in which it happens.
"""

from collections.abc import Iterable
from decimal import Decimal

from tradewind_api.ledger import Side
from tradewind_engine.trading.commission import commission
from tradewind_engine.trading.matching import Take
from tradewind_engine.trading.offers import Ended, Fill, Kind, Offer, Outcome, Triggered
from tradewind_simulator.accounts import ZERO, Account
from tradewind_simulator.errors import DialectError, rejected
from tradewind_simulator.events import OrderEvent
from tradewind_simulator.exchange import SimulatedExchange
from tradewind_simulator.filters import compile_filters
from tradewind_simulator.floor import Floor, open_floor
from tradewind_simulator.parameters import Wanted
from tradewind_simulator.records import OrderRecord, TradeRecord, number

KINDS: dict[str, Kind] = {
    "LIMIT": "limit",
    "MARKET": "market",
    "LIMIT_MAKER": "post_only",
    "STOP_LOSS": "stop_loss",
    "STOP_LOSS_LIMIT": "stop_loss_limit",
    "TAKE_PROFIT": "take_profit",
    "TAKE_PROFIT_LIMIT": "take_profit_limit",
}
SIDES: dict[str, Side] = {"BUY": "buy", "SELL": "sell"}
STATUS_OF_END = {"Filled": "FILLED", "Expired": "EXPIRED", "Prevented": "EXPIRED_IN_MATCH", "Rejected": "REJECTED"}
CANCELLABLE = frozenset({"TRADING", "CANCEL_ONLY"})
STOP_ROOM = Decimal("1.05")  # a market order may cost more than its stop price
INSUFFICIENT = "Account has insufficient balance for requested action."


class Desk:
    """All floors and orders of one exchange."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        self.exchange = exchange
        self.orders: dict[int, OrderRecord] = {}
        self._floors: dict[str, Floor] = {}
        self._last_id = 0

    def floor(self, symbol: str) -> Floor:
        """Return the floor of a listed symbol, with its present market and rules."""
        exchange = self.exchange
        floor, listing = self._floors.get(symbol), exchange.listings[symbol]
        if floor is None:
            floor = self._floors[symbol] = open_floor(exchange, symbol)
        if floor.listing is not listing:  # another market was put in its place; orders stay
            floor.listing, floor.moment, floor.rules = listing, -1, -1
        if floor.rules != exchange.rules_changed:
            floor.filters = compile_filters(exchange.filters(listing))
            floor.rules = exchange.rules_changed
        return floor

    def advance(self, symbol: str) -> Floor:
        """Move a symbol's market to now, which it then calls `told`, and book what that does to orders."""
        floor, exchange = self.floor(symbol), self.exchange
        clock = exchange.clock
        now_ms, floor.status = clock.now_ms(), exchange.symbol_status(floor.listing)
        if floor.status == "TRADING":
            if outcomes := floor.advance(now_ms, clock.speed):
                self._apply(floor, outcomes)
        else:
            floor.skip(now_ms, clock.speed)
        return floor

    def advance_all(self) -> None:
        """Move every market that must be followed; called by a timer, so that fills are told when they happen."""
        for symbol, floor in tuple(self._floors.items()):
            if not floor.market.idle and symbol in self.exchange.listings:
                self.advance(symbol)

    def check(self, account: Account, wanted: Wanted) -> Floor:
        """Refuse an order that would not be taken; moves the market. Raises DialectError."""
        if wanted.symbol not in self.exchange.listings:
            raise DialectError(-1121, "Invalid symbol.")
        floor = self.advance(wanted.symbol)
        if floor.status != "TRADING":
            raise rejected("Market is closed.")
        floor.look(self.exchange.clock.speed)
        symbol = floor.listing.symbol
        if (allowed := symbol.recorded) is not None and wanted.order_type not in allowed.get("orderTypes", KINDS):
            name = wanted.order_type.replace("_", " ").capitalize()
            raise DialectError(-1013, f"{name} orders are not supported for this symbol.")
        filters = floor.filters
        filters.check(wanted, floor)
        few = len(account.open) < (filters.most_orders or 0)  # of all symbols: then nobody need count
        if not few or wanted.stop_price is not None or filters.most_position is not None:
            self._check_beside(floor, account, wanted)
        twin = account.by_cid.get((wanted.symbol, wanted.cid))
        if twin is not None and twin.order_id in account.open:
            raise rejected("Duplicate order sent.")
        return floor

    def _check_beside(self, floor: Floor, account: Account, wanted: Wanted) -> None:
        """Refuse an order for what the account has and has open already. Raises DialectError."""
        same = [order for order in account.open.values() if order.symbol == wanted.symbol]
        floor.filters.check_count(wanted, len(same), sum(order.working_ms < 0 for order in same))
        if floor.filters.most_position is not None:
            buys = sum((order.amount - order.executed for order in same if order.wanted.side == "BUY"), ZERO)
            held = account.balance(floor.listing.symbol.base)
            floor.filters.check_position(wanted, held.free + held.locked + buys)

    def place(self, account: Account, wanted: Wanted) -> OrderRecord:
        """Place an order and return it with whatever became of it at once. Raises DialectError."""
        floor = self.check(account, wanted)
        now_ms, market = floor.told, floor.market
        offer = self._offer(account, wanted)
        takes = market.walk(offer) if offer.kind == "market" else None
        lock = self._money(floor, account, offer, takes or ())
        if wanted.stop_price is not None:
            floor.learn_last(now_ms)
        idle = market.idle
        outcomes = market.place(offer, now_ms, takes)
        if outcomes and isinstance(outcomes[0], Ended) and outcomes[0].outcome == "Rejected":
            raise rejected(outcomes[0].reason)
        if idle and not market.idle:
            floor.watch(now_ms, self.exchange.clock.speed)
        self._last_id += 1
        amount = wanted.amount or _bought(outcomes, offer.order_id)
        order = OrderRecord(self._last_id, account, wanted, wanted.symbol, amount, now_ms)
        if wanted.stop_price is None:
            order.working_ms = now_ms
        self._keep(order, lock)
        self._tell(order, "NEW")
        self._apply(floor, outcomes)
        return order

    def cancel(self, floor: Floor, order: OrderRecord, cancel_cid: str) -> None:
        """Take an open order out of its floor, which was moved to now. Raises DialectError if it is open no more."""
        if floor.status not in CANCELLABLE:
            raise DialectError(-2011, "Market is closed.")
        if order.order_id not in order.account.open:
            raise DialectError(-2011, "Unknown order sent.")
        floor.market.cancel(str(order.order_id))
        self._end(floor, order, "CANCELED", "CANCELED", cancel_cid)

    def _offer(self, account: Account, wanted: Wanted) -> Offer:
        side = SIDES[wanted.side]
        kind, most = KINDS[wanted.order_type], wanted.quote_amount
        if kind in {"stop_loss", "take_profit"} and side == "buy" and wanted.amount and wanted.stop_price:
            most = wanted.amount * wanted.stop_price * STOP_ROOM  # this is locked, so it is all that it may spend
        return Offer(
            str(self._last_id + 1),
            side,
            kind,
            wanted.amount,
            wanted.price,
            wanted.stop_price,
            most,
            wanted.time_in_force,
            account.name,
            wanted.prevention,
        )

    def _money(self, floor: Floor, account: Account, offer: Offer, takes: Iterable[Take]) -> tuple[str, Decimal]:
        """Return asset and amount that the order locks; `takes` is all that it gets. Raises DialectError for too little."""
        symbol = floor.listing.symbol
        asset = symbol.quote if offer.side == "buy" else symbol.base
        free = account.balance(asset).free
        locks = ZERO
        if offer.kind == "market":
            if offer.side == "buy":
                wanted = offer.most_quote
                if wanted is None:
                    wanted = sum([take.amount * take.price for take in takes if not take.prevented], ZERO)
            else:
                wanted = offer.amount or sum([take.amount for take in takes if not take.prevented], ZERO)
        elif offer.side == "buy" and offer.most_quote is not None:
            wanted = locks = offer.most_quote
        elif offer.side == "buy":
            wanted = locks = (offer.amount or ZERO) * (offer.price or ZERO)
        else:
            wanted = locks = offer.amount or ZERO
        if wanted > free:
            raise rejected(INSUFFICIENT)
        return asset, locks

    def _keep(self, order: OrderRecord, lock: tuple[str, Decimal]) -> None:
        account, (asset, amount) = order.account, lock
        if amount:
            balance = account.balance(asset)
            balance.free -= amount
            balance.locked += amount
            order.locked = amount
        account.by_cid[order.symbol, order.wanted.cid] = order
        account.orders.setdefault(order.symbol, []).append(order)
        account.open[order.order_id] = self.orders[order.order_id] = order

    def _apply(self, floor: Floor, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            order = self.orders[int(outcome.order_id)]
            match outcome:
                case Fill():
                    self._fill(floor, order, outcome)
                case Triggered():
                    order.working_ms = order.updated_ms = outcome.time_ms
                    self._tell(order, "NEW")
                case Ended():
                    status = STATUS_OF_END[outcome.outcome]
                    if status == "FILLED" and order.status == "FILLED":
                        self._close(order)
                    else:
                        self._end(floor, order, status, "EXPIRED")

    def _fill(self, floor: Floor, order: OrderRecord, fill: Fill) -> None:
        account, symbol, buys = order.account, floor.listing.symbol, order.wanted.side == "BUY"
        cost = fill.amount * fill.price
        given, received = (cost, fill.amount) if buys else (fill.amount, cost)
        spent = account.balance(symbol.quote if buys else symbol.base)
        if order.locked:
            released = fill.amount * order.wanted.price if buys and order.wanted.price else given
            order.locked -= released
            spent.locked -= released
            spent.free += released - given
        else:
            spent.free -= given
        account.balance(symbol.base if buys else symbol.quote).free += received
        fee, fee_asset = self._charge(floor, order, fill)
        account.balance(fee_asset).free -= fee
        trade = TradeRecord(fill.number, fill.amount, fill.price, fee, fee_asset, fill.maker, fill.time_ms)
        order.trades.append(trade)
        order.executed += fill.amount
        order.spent += cost
        order.updated_ms = account.updated_ms = fill.time_ms
        whole = order.executed == order.amount
        order.status = "FILLED" if whole else "PARTIALLY_FILLED"
        if whole:
            self._close(order)
        self._tell(order, "TRADE", trade)

    def _charge(self, floor: Floor, order: OrderRecord, fill: Fill) -> tuple[Decimal, str]:
        fees, symbol = order.account.fees, floor.listing.symbol
        asset = fees.discount_asset
        prices = (self._price_of(asset, symbol.quote, fill), None) if asset else (None,)
        for discount_price in prices:
            fee, fee_asset = commission(
                fees,
                symbol.name,
                side=SIDES[order.wanted.side],
                amount=fill.amount,
                price=fill.price,
                maker=fill.maker,
                discount_price=discount_price,
            )
            if fee_asset != asset or order.account.balance(fee_asset).free >= fee:
                break  # without enough of the discount asset it is charged as usual
        return fee, fee_asset

    def _price_of(self, asset: str, quote: str, fill: Fill) -> Decimal | None:
        if asset == quote:
            return Decimal(1)
        other = asset + quote
        if other not in self.exchange.listings:
            return None
        return self.floor(other).average(0, fill.time_ms) or self.floor(other).average(1, fill.time_ms)

    def _end(self, floor: Floor, order: OrderRecord, status: str, execution: str, cancel_cid: str = "") -> None:
        """Close an order that will not be filled any further."""
        order.status = status
        order.updated_ms = floor.told
        self._close(order)
        if status != "FILLED":
            self._tell(order, execution, cancel_cid=cancel_cid)

    def _close(self, order: OrderRecord) -> None:
        account = order.account
        if account.open.pop(order.order_id, None) is None or not order.locked:
            return
        symbol = self.exchange.listings[order.symbol].symbol
        balance = account.balance(symbol.quote if order.wanted.side == "BUY" else symbol.base)
        balance.locked -= order.locked
        balance.free += order.locked
        order.locked = ZERO

    def _tell(self, order: OrderRecord, execution: str, trade: TradeRecord | None = None, cancel_cid: str = "") -> None:
        if not self.exchange.events:
            return
        now_ms = self.exchange.told_ms()
        report = order.report(execution, now_ms, trade, cancel_cid)
        position = self.position(order.account, self._assets(order, trade))
        for key in order.account.keys:
            self.exchange.events.publish(OrderEvent(key, report))
            self.exchange.events.publish(OrderEvent(key, position))

    def position(self, account: Account, assets: Iterable[str]) -> dict[str, object]:
        """Return the event `outboundAccountPosition`."""
        now_ms = self.exchange.told_ms()
        rows = [(asset, account.balance(asset)) for asset in assets]
        balances = [{"a": asset, "f": number(item.free), "l": number(item.locked)} for asset, item in rows]
        return {"e": "outboundAccountPosition", "E": now_ms, "u": account.updated_ms or now_ms, "B": balances}

    def tell_balances(self, account: Account, assets: Iterable[str]) -> None:
        """Tell that balances are others now, by somebody's hand."""
        if self.exchange.events and (wanted := list(assets)):
            account.updated_ms = self.exchange.told_ms()
            position = self.position(account, wanted)
            for key in account.keys:
                self.exchange.events.publish(OrderEvent(key, position))

    def _assets(self, order: OrderRecord, trade: TradeRecord | None) -> list[str]:
        symbol = self.exchange.listings[order.symbol].symbol
        found = [symbol.base, symbol.quote]
        return [*found, trade.fee_asset] if trade is not None and trade.fee_asset not in found else found


def _bought(outcomes: Iterable[Outcome], order_id: str) -> Decimal:
    """Return what an order by quote came to (base): that is its amount from then on."""
    return sum((each.amount for each in outcomes if isinstance(each, Fill) and each.order_id == order_id), ZERO)
