"""/livez, /readyz and /metrics of a bot's pod: few series."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
PREFIX = "tradewind_bot"
HEARTBEAT = Gauge(f"{PREFIX}_heartbeat_timestamp_seconds", "When the loop last went round.", registry=REGISTRY)
LAST_CANDLE = Gauge(f"{PREFIX}_last_candle_timestamp_seconds", "Open time of the last candle decided on.", registry=REGISTRY)
ORDERS = Counter(f"{PREFIX}_orders", "Orders by side.", ["side"], registry=REGISTRY)
EXCHANGE_ERRORS = Counter(f"{PREFIX}_exchange_errors", "Requests that the exchange did not answer well.", registry=REGISTRY)
CLOCK_REFUSALS = Counter(
    f"{PREFIX}_clock_refusals", "Requests whose time the exchange did not accept; it was asked for its own.", registry=REGISTRY
)
POSITION_OPEN = Gauge(f"{PREFIX}_position_open", "Symbols held.", registry=REGISTRY)
LIVE = Gauge(f"{PREFIX}_live", "1 with real money, 0 on paper.", registry=REGISTRY)
EQUITY = Gauge(f"{PREFIX}_equity_quote", "Equity at the last close.", registry=REGISTRY)
DRAWDOWN = Gauge(f"{PREFIX}_drawdown_ratio", "Loss since the highest equity, as a fraction.", registry=REGISTRY)
UNSENT = Gauge(f"{PREFIX}_ingest_buffer_rows", "Events that the portal has not acknowledged.", registry=REGISTRY)
BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
LAG = Histogram(
    f"{PREFIX}_decision_lag_seconds",
    "From a candle's close to the decision, in exchange time.",
    registry=REGISTRY,
    buckets=BUCKETS,
)
ACKNOWLEDGED = Histogram(
    f"{PREFIX}_order_ack_seconds", "From an order's intent to the exchange's answer.", registry=REGISTRY, buckets=BUCKETS
)
STREAM_BREAKS = Counter(f"{PREFIX}_stream_breaks", "Market data connections that ended or fell silent.", registry=REGISTRY)
DATA_NOTES = Counter(f"{PREFIX}_data_notes", "Market data refused, missing or revised, by kind.", ["kind"], registry=REGISTRY)
STATE = Gauge(f"{PREFIX}_state", "1 for the state that the bot is in.", ["state"], registry=REGISTRY)


def show_state(state: str) -> None:
    """Show which of its states the bot is in."""
    for name in ("Active", "Reducing", "Halted"):
        STATE.labels(name).set(name == state)


@asynccontextmanager
async def serve(port: int, *, alive: Callable[[], bool], ready: Callable[[], str]) -> AsyncIterator[None]:
    """Serve on the pod's address. `ready` returns an empty string, or why not. Raises OSError when the port is taken."""

    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="ok", status=200) if alive() else web.Response(text="the loop stands still", status=500)

    async def readyz(_: web.Request) -> web.Response:
        reason = ready()
        return web.Response(text=reason or "ok", status=503 if reason else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "0.0.0.0", port).start()  # noqa: S104 - the pod's own address
        yield
    finally:
        await runner.cleanup()
