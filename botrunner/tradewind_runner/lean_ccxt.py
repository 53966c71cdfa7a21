"""One exchange of ccxt without the hundred others: half the memory, a third of the time.

`import ccxt.async_support` imports every exchange. Bare package modules put in its place let one exchange be imported alone;
its base classes are imported by it as usual. Depends on ccxt's layout, so a test pins it.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


class UnknownExchangeError(Exception):
    """ccxt has no exchange of this id."""


def exchange_class(ccxt_id: str) -> Any:
    """Return the asynchronous class of an exchange. Raises UnknownExchangeError."""
    spec = importlib.util.find_spec("ccxt") if "ccxt" not in sys.modules else None
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent
        _bare("ccxt", folder)
        _bare("ccxt.async_support", folder / "async_support")
        errors = importlib.import_module("ccxt.base.errors")
        for name in errors.__all__:
            setattr(sys.modules["ccxt"], name, getattr(errors, name))
        # Its socket client asks the package itself for the base class.
        sys.modules["ccxt"].Exchange = importlib.import_module("ccxt.base.exchange").Exchange  # type: ignore[attr-defined]
    try:
        module = importlib.import_module(f"ccxt.async_support.{ccxt_id}")
    except ModuleNotFoundError as exc:
        raise UnknownExchangeError(f"ccxt has no exchange {ccxt_id!r}") from exc
    return getattr(module, ccxt_id)


def _bare(name: str, folder: Path) -> None:
    module = ModuleType(name)
    module.__path__ = [str(folder)]
    sys.modules[name] = module
