"""The configuration file, read again whenever Kubernetes has replaced it."""

from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ValidationError

from tradewind_api.contract import Contract

Config = TypeVar("Config", bound=Contract)


class ConfigurationError(Exception):
    """The file is missing or says what nobody understands. The operator must act, not the trader."""


class ConfigFile(Generic[Config]):
    """A file of one model."""

    def __init__(self, path: Path, model: type[Config]) -> None:
        self._path, self._model = path, model
        self._seen: tuple[int, int, int] | None = None

    def read(self) -> Config:
        """Return what the file says. Raises ConfigurationError."""
        self._seen = self._stamp()
        try:
            return self._model.model_validate_json(self._path.read_bytes())
        except OSError as exc:
            raise ConfigurationError(f"cannot read {self._path}: {exc.strerror}") from exc
        except ValidationError as exc:
            raise ConfigurationError(f"{self._path}: {exc.errors(include_url=False, include_input=False)[:3]}") from exc

    def changed(self) -> bool:
        """Return whether the file is another than the one read last: Kubernetes swaps a link, and behind it lies a new file."""
        return self._stamp() != self._seen

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
