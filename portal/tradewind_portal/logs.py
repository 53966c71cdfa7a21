"""Logs: one JSON object a line on stdout, without secrets.

What a person sent is never logged, only what was done with it; values under names that sound like secrets are blanked, in
case somebody hands them in. JSON escapes line breaks and control characters, so no value can forge a line.
"""

import json
import logging
import math
import re
import sys
import time
from typing import Any

SECRET_NAMES = re.compile(r"password|secret|token|authorization|cookie|api.?key", re.IGNORECASE)
SECRET_VALUES = re.compile(r"tw_pat_[0-9A-Za-z]+_[0-9A-Za-z_-]+|eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]*")
BLANK = "[removed]"
DEEPEST, DEEPER = 32, "[deeper]"  # nothing of ours nests half as deep; a thousand levels end the writer of JSON


def clean(value: Any, name: str = "", depth: int = 0) -> Any:
    """Return `value` with what looks like a secret blanked, at any depth, and fit to be JSON in UTF-8.

    What somebody sent may hold halves of surrogates, NaN, infinity and lists inside each other a thousand times; the audit log
    has a row of it all the same.
    """
    match value:
        case dict() | list() | tuple() if depth == DEEPEST:
            return DEEPER
        case dict():
            return {_utf8(str(key)): clean(item, str(key), depth + 1) for key, item in value.items()}
        case list() | tuple():
            return [clean(item, name, depth + 1) for item in value]
        case float() if not math.isfinite(value):
            return str(value)
        case None | bool() | int() | float():
            return value
        case _ if SECRET_NAMES.search(name):
            return BLANK
        case _:
            return SECRET_VALUES.sub(BLANK, _utf8(str(value)))


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON; `extra={"fields": {...}}` are its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(clean(line), ensure_ascii=True, default=str)


def configure(level: str) -> None:
    """Send every logger of the process to stdout as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel("WARNING")
