"""An event loop on virtual time that runs one step at a time, from one await to the next, and on which pods die between two.

Every step belongs to a pod, or to the world around them. Of a dead pod no step runs any more; a frozen one has them when it
thaws, as a process does whose machine was stopped for a while.
"""

import asyncio
import contextlib
import contextvars
import gc
import heapq
import warnings
from collections.abc import Callable, Coroutine
from typing import Any

from virtual_time import VirtualLoop

OWNER: contextvars.ContextVar["Life | None"] = contextvars.ContextVar("OWNER", default=None)


class Killed(BaseException):
    """The process is gone."""


class Life:
    """What the loop knows of a pod."""

    def __init__(self) -> None:
        self.alive, self.frozen = True, False
        self.held: list[asyncio.Handle] = []
        self.tasks: list[asyncio.Task[Any]] = []


class KillableLoop(VirtualLoop):
    """`before(life)` is called before each step of a living pod, and may kill or freeze it."""

    def __init__(self, before: Callable[[Life], None]) -> None:
        super().__init__()
        self._before = before
        self.set_exception_handler(lambda _loop, _context: None)
        self.set_task_factory(_owned)

    def begin(self, life: Life, main: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a pod; every task and timer that comes of it is the pod's."""
        context = contextvars.copy_context()
        context.run(OWNER.set, life)
        return context.run(self.create_task, main)

    def kill(self, life: Life) -> None:
        """End a pod here: none of its code does anything any more."""
        life.alive = False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for task in life.tasks:
                task._log_destroy_pending = False
                with contextlib.suppress(BaseException):
                    task.get_coro().close()
        life.tasks.clear()
        life.held.clear()

    def freeze(self, life: Life, seconds: float) -> None:
        """Stop a pod for a while."""
        life.frozen = True
        contextvars.Context().run(self.call_later, seconds, self._thaw, life)

    def _thaw(self, life: Life) -> None:
        life.frozen = False
        self._ready.extend(life.held)
        life.held.clear()

    def _run_once(self) -> None:
        if not self._ready:
            self._go_on()
        handle = self._ready.popleft()
        life = handle._context.get(OWNER)
        if handle._cancelled or (life is not None and not life.alive):
            return
        if life is not None and not life.frozen:
            self._before(life)
        if life is None or (life.alive and not life.frozen):
            handle._run()
        elif life.alive:
            life.held.append(handle)

    def _go_on(self) -> None:
        """Let time pass until something is due."""
        scheduled = self._scheduled
        while scheduled and (not self._ready or scheduled[0]._when <= self.seconds):
            timer = heapq.heappop(scheduled)
            timer._scheduled = False
            if timer._cancelled:
                self._timer_cancelled_count -= 1
            else:
                self.seconds = max(self.seconds, timer._when)
                self._ready.append(timer)
        if not self._ready:
            raise RuntimeError("everything waits and nothing will ever happen")

    def bury(self) -> None:
        """Let go of everything that is left."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for task in asyncio.all_tasks(self):
                task._log_destroy_pending = False
                with contextlib.suppress(BaseException):
                    task.get_coro().close()
            self._ready.clear()
            self._scheduled.clear()
            self.close()
            gc.collect(0)


def _owned(loop: asyncio.AbstractEventLoop, main: Coroutine[Any, Any, Any], context: Any = None) -> asyncio.Task[Any]:
    task = asyncio.Task(main, loop=loop, context=context)
    life = OWNER.get()
    if life is not None:
        life.tasks = [known for known in life.tasks if not known.done()] if len(life.tasks) > 64 else life.tasks
        life.tasks.append(task)
    return task
