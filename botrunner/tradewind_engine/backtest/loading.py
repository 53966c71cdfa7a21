"""How loops are compiled by numba, kept on disk and taken from there.

numba fills the tables of its compiler before it looks whether there is anything to compile, and that takes longer than all else
that a fresh process does. Here they are filled when something has to be compiled.
"""

import sys
from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache
from numba.core.runtime.nrt import rtsys


class _Kept(FunctionCache):
    """Compiled code on disk, as `cache=True` has it."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the code for a signature, None if there is none. Compiling fills the tables by itself."""
        rtsys.initialize(target_context)
        found = super()._load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        if found is None:
            _without_blas()
        return found


def _without_blas() -> None:
    """Load what compiling needs, but not scipy: numba asks whether there is BLAS, and no loop of ours uses it."""
    name = "scipy.linalg.cython_blas"
    if name in sys.modules:
        return
    modules: dict[str, Any] = sys.modules
    modules[name] = None  # Python's own way to say that a module cannot be imported
    try:
        import numba.np.arraymath  # noqa: F401, PLC0415
    finally:
        del modules[name]


def _kept(function: Callable[..., Any], **options: Any) -> Any:
    compiled: Any = njit(nogil=True, error_model="numpy", **options)(function)
    compiled._cache = _Kept(function)  # type: ignore[no-untyped-call]  # noqa: SLF001 - what `cache=True` does
    return compiled


def loop(function: Callable[..., Any]) -> Any:
    """Compile a loop that allocates nothing.

    It needs no counting of references, which numba does with locked instructions wherever an array is handed on or sliced:
    more than half of the time of a run was that.
    """
    return _kept(function, _nrt=False)


def allocating(function: Callable[..., Any]) -> Any:
    """Compile what makes arrays of its own and hands them to loops."""
    return _kept(function)
