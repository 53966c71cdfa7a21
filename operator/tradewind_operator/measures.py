"""Prometheus metrics of the operator. No label ever names a bot, a tenant or a user."""

from prometheus_client import Counter, Gauge, Histogram

PREFIX = "tradewind_operator"
RECONCILES = Counter(f"{PREFIX}_reconcile_total", "Reconciles by kind and outcome.", ["kind", "outcome"])
DURATION = Histogram(f"{PREFIX}_reconcile_duration_seconds", "How long a reconcile takes.", ["kind"])
QUEUE = Gauge(f"{PREFIX}_queue_depth", "Keys that wait.")
APPLIED = Counter(f"{PREFIX}_applies_total", "Objects applied, by kind and why.", ["kind", "why"])
SKIPPED = Counter(f"{PREFIX}_apply_skipped_total", "Objects that were as they should be.")
CACHED = Gauge(f"{PREFIX}_cache_objects", "Objects in the cache.", ["kind"])
GHOSTS = Counter(f"{PREFIX}_cache_ghosts_total", "Objects that were cached but gone, or there but not cached.")
SHUTDOWNS = Counter(f"{PREFIX}_live_shutdowns_total", "Live bots that were let go, by why.", ["reason"])
LATE = Counter(f"{PREFIX}_live_shutdown_late_total", "Looks at a live bot whose orders nobody has dealt with in time.")
WATCH_AGE = Gauge(f"{PREFIX}_watch_age_seconds", "Seconds since anything was heard of a kind.", ["kind"])
RESOURCES = Gauge(f"{PREFIX}_resources", "Our resources by kind and summary.", ["kind", "summary"])
