"""How loops are compiled by numba, kept on disk and taken from there.

numba fills the tables of its compiler before it looks whether there is anything to compile, and that takes longer than all else
that a fresh process does. Here they are filled when something has to be compiled.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def absent(name: str) -> Iterator[None]:
    """Let whoever asks whether there is a module `name` find none, unless it is loaded."""
    modules: dict[str, Any] = sys.modules
    if name in modules:
        yield
        return
    modules[name] = None  # Python's own way to say that a module cannot be imported
    try:
        yield
    finally:
        del modules[name]


# Where coverage is installed numba loads it, which takes as long as a tenth of all else, and no loop is covered.
with absent("coverage"):
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
            with absent("scipy.linalg.cython_blas"):  # numba asks whether there is BLAS, and no loop of ours uses it
                import numba.np.arraymath  # noqa: F401, PLC0415
        return found


def loop(function: Callable[..., Any]) -> Any:
    """Compile a loop that allocates nothing.

    It needs no counting of references, which numba does with locked instructions wherever an array is handed on or sliced:
    more than half of the time of a run was that. Views of other kinds are made before, too: code for them, as for arrays that
    are made, is only loaded together with half of numba.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}
    compiled: Any = njit(**options)(function)
    compiled._cache = _Kept(function)  # type: ignore[no-untyped-call]  # noqa: SLF001 - what `cache=True` does
    return compiled
