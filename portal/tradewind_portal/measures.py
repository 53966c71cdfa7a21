"""What the portal tells Prometheus. No label names a tenant, a user or a bot."""

from prometheus_client import Counter, Gauge, Histogram

from tradewind_portal import VERSION

BUILD = Gauge("tradewind_build_info", "Always 1; the version is its label", ["version", "component"])
BUILD.labels(VERSION, "portal").set(1)

REQUESTS = Counter("tradewind_http_requests_total", "Answered requests", ["method", "route", "code"])
REQUEST_SECONDS = Histogram(
    "tradewind_http_request_duration_seconds",
    "Time to answer",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 1, 3, 10),
)
IN_FLIGHT = Gauge("tradewind_http_in_flight_requests", "Requests being answered")
AUTH_EVENTS = Counter("tradewind_auth_events_total", "Logins, refreshes, refusals", ["event", "outcome"])
REFRESH_REUSE = Counter("tradewind_refresh_reuse_total", "Refresh tokens used twice: their family was ended")
RATE_LIMITED = Counter("tradewind_rate_limited_total", "Requests refused with 429", ["policy"])
AUDIT_RECORDS = Counter("tradewind_audit_records_total", "Rows of the audit log", ["outcome"])
INGEST_ROWS = Counter("tradewind_ingest_rows_total", "Stored rows", ["stream"])
INGEST_BATCHES = Counter("tradewind_ingest_batches_total", "Batches of ledger events", ["outcome"])
INGEST_DUPLICATES = Counter("tradewind_ingest_duplicates_total", "Events that were stored already")
WATCH_AGE = Gauge("tradewind_portal_watch_age_seconds", "Time since the API server was last heard of", ["kind"])
