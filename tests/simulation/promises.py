"""What must hold at the end of every life: ledger and exchange agree, and nothing was done twice."""

from collections import Counter
from decimal import Decimal

from venue import MINUTE, SYMBOL, T0

from tradewind_api.fold import fold
from tradewind_engine.trading.identity import epoch_of

MOST = Decimal("0.56")  # of the equity: a strategy stakes half, and the price may rise a little before it is sold
LOST, TWICE, ORPHAN, OTHER = "lost event", "duplicate order", "orphan position", "other"


class BrokenPromiseError(AssertionError):
    """What must never happen has happened. `kinds` says for each of the broken promises what it costs."""

    def __init__(self, broken: list[tuple[str, str]]) -> None:
        super().__init__("\n".join(text for _, text in broken))
        self.kinds = [kind for kind, _ in broken]


def check(world) -> None:
    """Raise BrokenPromiseError with all that is wrong with a world at its end."""
    venue, events = world.venue, world.portal.events
    venue.go_on(T0 + world.loop.time() * 1000)
    state, promise = fold(events), _Promises(world.broken)
    promise.same(LOST, "state folded by the portal and from its events", state, world.portal.state)
    promise.same(LOST, "events that never reached the portal although it was there", 0, world.pods[-1].left)
    ours = {trade.trade_id for order in venue.orders for trade in order.trades}
    booked = Counter(str(item.data["tradeId"]) for item in events if item.type == "Filled")
    promise.same(LOST, "trades of ours, by id, and how often each is booked", Counter(ours), booked)
    held = state.positions[SYMBOL].amount if SYMBOL in state.positions else Decimal(0)
    written_off = sum((-Decimal(item.data["amount"]) for item in events if item.type == "Adjusted"), Decimal(0))
    promise.same(ORPHAN, "amount held, and what lies there because it is too little to sell", venue.base, held + written_off)
    promise.same(ORPHAN, "cash", venue.cash, state.cash)
    cost = state.positions[SYMBOL].cost if SYMBOL in state.positions else Decimal(0)
    gained = state.capital + state.realized_pnl - cost  # a part's cost is a division, which ends at the 28th digit
    promise.same(OTHER, "cash by what was gained and what is held", round(gained, 12), round(state.cash, 12))
    open_there = {order.intent.client_order_id for order in venue.orders if order.status == "Open"}
    promise.same(ORPHAN, "what was to be sold and is held still", {}, state.leaving)
    promise.same(ORPHAN, "open orders", open_there, set(state.open_intents))
    promise.same(TWICE, "orders sent again although the first one may be there", [], venue.sent_without_absence)
    adjusted = [item for item in events if item.type in {"Adjusted", "Halted"} and "Dust" not in str(item.data)]
    promise.same(OTHER, "adjustments and halts", [], [(item.type, item.data) for item in adjusted])
    bought = [order for order in venue.orders if order.intent.side == "buy" and order.filled]
    blind = [order for order in bought if _blind(world, order)]
    world.blind = len(blind)
    entries = Counter(order.intent.candle_open_ms for order in bought if order.intent.reason == "Entry" and order not in blind)
    promise.same(TWICE, "candles that were bought on more than once", {}, _repeated(entries))
    if not blind:
        promise.same(TWICE, "whether more than half of the equity was held at one time", False, venue.largest > MOST)
    decisions = [item.data["candleOpenMs"] for item in events if item.type == "Decision"]
    promise.same(OTHER, "candles decided on more than once", {}, _repeated(Counter(decisions)))
    last = T0 + world.end * 1000 + (world.quiet_s - 180) * 1000 - MINUTE
    promise.same(OTHER, "whether it decided when the faults had stopped", True, max(decisions, default=0) >= last)
    promise.keep()


def _blind(world, order) -> bool:
    """Return whether an order was sent by a pod beside which a younger one had begun already.

    Until it is told, nobody can keep two pods from buying at one candle; what both have bought is in the ledger all the same.
    """
    began = world.portal.began.get(epoch_of(order.intent.client_order_id, world.config.bot.uid) + 1)
    return began is not None and order.at_ms >= T0 + began * 1000


def _repeated(counts: Counter) -> dict:
    return {key: count for key, count in counts.items() if count > 1}


class _Promises:
    def __init__(self, broken: list[tuple[str, str]]) -> None:
        self.broken = list(broken)

    def same(self, kind: str, what: str, expected, found) -> None:
        if expected != found:
            if isinstance(expected, Counter) and isinstance(found, Counter):
                expected, found = expected - found, found - expected
            self.broken.append((kind, f"{kind}: {what}: expected {expected}, found {found}"[:600]))

    def keep(self) -> None:
        if self.broken:
            raise BrokenPromiseError(self.broken)
