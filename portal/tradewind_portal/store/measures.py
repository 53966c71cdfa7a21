"""What the store tells Prometheus."""

from pathlib import Path

from prometheus_client import Gauge, Histogram

WRITE_QUEUE = Gauge("tradewind_store_write_queue_rows", "Write jobs that wait for the writer")
COMMIT_SECONDS = Histogram(
    "tradewind_store_commit_duration_seconds",
    "Time of one transaction, commit included",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
FILE_BYTES = Gauge("tradewind_store_file_bytes", "Size of the database file")
WAL_BYTES = Gauge("tradewind_store_wal_bytes", "Size of its write-ahead log")
FREE_BYTES = Gauge("tradewind_store_disk_free_bytes", "Free space of the data folder's disk")


def size_of(path: Path) -> float:
    """Return the size of a file, 0 if there is none. Uses stat: opening the database file would drop DuckDB's lock."""
    try:
        return float(path.stat().st_size)
    except FileNotFoundError:
        return 0.0
