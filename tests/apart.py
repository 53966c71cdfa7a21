"""Coroutines of a test, run in a thread of their own: in the main one the browser's tests leave a loop that runs."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor


def run_apart(work: Coroutine[object, object, object]) -> None:
    """Run to the end; raises what it raises."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()
