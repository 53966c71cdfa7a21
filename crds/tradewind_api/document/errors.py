"""What is wrong with a document, said so that a person finds the place."""

from dataclasses import dataclass


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
    """The document cannot be used. The author must change it; `errors` holds all faults at once."""

    def __init__(self, errors: list[DocumentError]) -> None:
        super().__init__("; ".join(str(error) for error in errors[:5]) + (" ..." if len(errors) > 5 else ""))
        self.errors = errors
