"""What a bot's pod measures: few series."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

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
