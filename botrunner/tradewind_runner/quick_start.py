"""What makes a bot's process start fast: imported before everything else, `done` is called after all imports.

aiohttp reads the authorities of the system twice while it is imported, 30 ms each, for requests that name no TLS context. Ours
name one; one that did not would trust nobody and fail. The one context is made by a thread meanwhile: reading its authorities
takes 30 ms and needs no interpreter. And nothing that is imported is garbage, so nobody need look for it.

numpy's BLAS begins with a thread for each processor, and each waits for work at full speed for 70 ms, beside the imports. A bot
has no work for them. pydantic reads the descriptions of all installed packages in search of plugins of its own: there are none.
"""

import gc
import os
import threading

AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")

gc.disable()
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
_named = {name: os.environ.get(name) for name in AUTHORITIES}
os.environ.update(dict.fromkeys(AUTHORITIES, os.devnull))
import aiohttp  # noqa: E402, F401 - see above

from tradewind_runner.lean_ccxt import secure_context  # noqa: E402 - needs aiohttp, see above

for _name, _value in _named.items():
    if _value is None:
        del os.environ[_name]
    else:
        os.environ[_name] = _value

_reading = threading.Thread(target=secure_context, name="authorities")
_reading.start()


def done() -> None:
    """Look for garbage again, though not among all that is there now: it stays. The context is there too."""
    _reading.join()
    gc.enable()
    gc.freeze()
