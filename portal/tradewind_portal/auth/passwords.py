"""Passwords: argon2id, two at a time.

t=3, m=64 MiB, p=1 (OWASP ASVS 5, appendix C). Each hash takes 64 MiB, so more than two at once would let a login flood fill
the pod's memory; more than MAX_WAITING are refused. An unknown name costs the same time as a wrong password.
"""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tradewind_portal.problems import Problem

T = TypeVar("T")
AT_ONCE = 2
MAX_WAITING = 16
MIN_LENGTH, MAX_LENGTH = 12, 256


class Passwords:
    """Hashes and verifies on threads of its own."""

    def __init__(self, *, memory_mib: int = 64) -> None:
        self._hasher = PasswordHasher(time_cost=3, memory_cost=memory_mib * 1024, parallelism=1)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
        self._waiting = 0
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Return the hash to store."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Return whether `password` is the one that `stored` came from; None takes as long and is never it."""
        if self._nobody is None:
            self._nobody = await self.hash(secrets.token_urlsafe(16))
        matches = await self._run(self._matches, stored or self._nobody, password)
        return matches and stored is not None

    def stale(self, stored: str) -> bool:
        """Return whether `stored` was made with other parameters and should be made anew at login."""
        return bool(self._hasher.check_needs_rehash(stored))

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return bool(self._hasher.verify(stored, password))
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[..., T], *values: str) -> T:
        if self._waiting >= MAX_WAITING:
            raise Problem(503, "Busy", "too many people log in at this moment", headers={"Retry-After": "2"})
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *values)
        finally:
            self._waiting -= 1


def new_password() -> str:
    """Return a password of 120 random bits that a person can type."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(6)) for _ in range(4))
