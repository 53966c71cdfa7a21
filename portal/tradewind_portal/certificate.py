"""The certificate of the internal port, and its replacement without a restart.

A kubelet puts a changed Secret into the pod within a minute or so. Connections that are made after we have seen it get the new
certificate, those that are open go on.
"""

import asyncio
import logging
import ssl
from pathlib import Path

log = logging.getLogger("tradewind.portal")
LOOK_S = 5


class Certificate:
    """A TLS context over two files. Raises OSError where they are no certificate with its key."""

    def __init__(self, cert: Path, key: Path) -> None:
        self._files = cert, key
        self._seen = self._content()
        self.context = self._loaded(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))

    async def follow(self) -> None:
        """Load what the files hold whenever that has changed; what is of no use is told once, and the last good one stays."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                content = self._content()
                if content == self._seen:
                    continue
                self._seen = content
                self._loaded(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))  # first where a half-written pair does no harm
                self._loaded(self.context)
            except OSError as exc:
                log.warning("the new certificate is of no use, the last one stays", extra={"fields": {"why": str(exc)}})
            else:
                log.info("the certificate of the internal port was replaced")

    def _content(self) -> tuple[bytes, ...]:
        return tuple(path.read_bytes() for path in self._files)

    def _loaded(self, context: ssl.SSLContext) -> ssl.SSLContext:
        context.load_cert_chain(*self._files)
        return context
