"""What is wrong with a document, said so that a person finds the place."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST_ERRORS = 64  # told of one document; a status holds as many


@dataclass(frozen=True, slots=True)
class DocumentError:
    """One fault. `node` is empty where no node is to blame; `field` is a path inside the node or the document."""

    node: str
    field: str
    code: str
    message: str

    def __str__(self) -> str:
        """Return the fault as one line."""
        where = ".".join(part for part in (self.node, self.field) if part)
        return f"{where}: {self.message}" if where else self.message

    def to_json(self) -> dict[str, str]:
        """Return the fault as JSON values."""
        return {"node": self.node, "field": self.field, "code": self.code, "message": self.message}


class InvalidDocumentError(ValueError):
    """The document cannot be used. The author must change it; `errors` holds all faults at once.

    Of a thousand, which 8 kB can have, it holds the first ones and their number: nobody reads more, and an answer with all of
    them takes a portal longer than the check itself.
    """

    def __init__(self, errors: Sequence[DocumentError]) -> None:
        told = list(errors[:MOST_ERRORS])
        if len(errors) > MOST_ERRORS:
            told[-1] = DocumentError("", "", "More", f"and {len(errors) - MOST_ERRORS + 1} more faults: mend these first")
        super().__init__("; ".join(str(error) for error in told[:5]) + (" ..." if len(told) > 5 else ""))
        self.errors = told
