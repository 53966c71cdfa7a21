"""What was written to a file brought to the disk by a thread, while the loop goes on.

An executor's thread would do, at three times the cost: each sync is two words over eventfds, and who asks after it has come to
its end need not give way to the loop to be told.
"""

import asyncio
import os
import threading
import time

AWAKE_S = 0.001


class Syncer:
    """Of one file. `reached` is the highest number that was given to `begin` and is on the disk; the thread sets it."""

    def __init__(self, file: int) -> None:
        self.reached = 0
        self._file, self._wanted, self._failure = file, 0, ""
        self._wake, self._done = os.eventfd(0), os.eventfd(0, os.EFD_NONBLOCK)
        self._closed = False
        self._waiting: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def begin(self, number: int) -> "asyncio.Future[None]":
        """Sync all that has been written until now, which is called `number`. One at a time. The result may be an OSError."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._done, self._tell)
            self._thread.start()
        self._wanted, self._waiting = number, self._loop.create_future()
        os.eventfd_write(self._wake, 1)
        return self._waiting

    async def stay_awake(self, number: int) -> None:
        """Return when `number` is on the disk, or after `AWAKE_S`: a loop that sleeps takes 0.2 to 0.4 ms to be woken.

        Only while its sync is under way, and others have their turn first.
        """
        if self._waiting is None or self._waiting.done() or self._wanted < number:
            return
        await asyncio.sleep(0)
        until = time.monotonic() + AWAKE_S
        while self.reached < number and time.monotonic() < until:
            time.sleep(0)  # noqa: ASYNC251 - lets the thread have the interpreter

    def close(self) -> None:
        """End when the sync that is under way has come to its end; nobody waits for it."""
        if self._closed:
            return
        self._closed = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._done)
        if self._thread.ident is None:
            os.close(self._wake)
            os.close(self._done)
        else:
            os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        while True:
            os.eventfd_read(self._wake)
            if self._closed:
                break
            number = self._wanted
            try:
                os.fdatasync(self._file)
            except OSError as exc:
                self._failure = str(exc)
            else:
                self.reached = number
            os.eventfd_write(self._done, 1)
        os.close(self._wake)
        os.close(self._done)

    def _tell(self) -> None:
        os.eventfd_read(self._done)
        if self._waiting is None or self._waiting.done():
            return
        if self._failure:
            self._waiting.set_exception(OSError(self._failure))
        else:
            self._waiting.set_result(None)
