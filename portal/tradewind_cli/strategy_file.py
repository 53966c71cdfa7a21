"""A strategy by the name that a person gives: a file, or a shipped one. No more of a file is read than a document can have."""

from pathlib import Path

from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.resolve import TEMPLATES, read_document, template
from tradewind_api.document.text import MAX_TEXT


def read_strategy(name: str) -> StrategyDocument:
    """Return the document in file `name`, or the shipped one of that name. Raises InvalidDocumentError, OSError."""
    return template(name) if name in TEMPLATES else read_document(start_of(Path(name)))


def start_of(path: Path) -> str:
    """Return the text of a file, and of one that is too long to be a document no more than shows it. Raises OSError."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(MAX_TEXT + 1)
