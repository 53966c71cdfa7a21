"""Times as resources write them."""

from datetime import UTC, datetime

TIME_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?Z)?$"


def milliseconds(text: str) -> int:
    """Return a date or time such as 2025-01-31 or 2025-01-31T12:00Z as UTC milliseconds.

    Raises:
        ValueError: If there is no such day or hour.
    """
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
