"""Running the process that asks an exchange what a key may do, and what its answer means for the person who adds the key."""

import asyncio
import json
import sys
from dataclasses import dataclass, field
from typing import Any

from tradewind_api.runner import ExchangeConfig
from tradewind_portal.problems import FieldError, Problem

PROGRAM = "tradewind_portal.keys.verify"
AT_ONCE, LONGEST_S, MOST_BYTES = 2, 30.0, 64 * 1024


@dataclass(frozen=True, slots=True)
class Secrets:
    """An exchange key in clear, while it is taken in."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    password: str | None = field(default=None, repr=False)


class Verifier:
    """Asks exchanges, two at a time at most: each question is a process of 100 MiB."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def check(self, exchange: ExchangeConfig, key: Secrets) -> tuple[str, ...]:
        """Return warnings about a key that may trade and may not withdraw. Raises Problem for any other."""
        async with self._slots:
            answer = await self.ask(exchange, key)
        error = answer.get("error")
        if error is not None:
            raise _refusal(str(error), exchange.name)
        if answer.get("canWithdraw") is not False:
            raise _no("KeyCanWithdraw", "/apiKey", f"this key can withdraw: make one at {exchange.name} without withdrawal")
        if answer.get("canTrade") is not True:
            raise _no("KeyCannotTrade", "/apiKey", f"this key cannot trade spot at {exchange.name}: allow spot trading for it")
        return tuple(str(text)[:200] for text in answer.get("warnings", []))[:10]

    async def ask(self, exchange: ExchangeConfig, key: Secrets) -> dict[str, Any]:
        """Return what the process answers."""
        return await _run(exchange, key)


async def _run(exchange: ExchangeConfig, key: Secrets) -> dict[str, Any]:
    request = {
        "ccxtId": exchange.ccxt_id,
        "endpoint": exchange.endpoint.rest if exchange.endpoint else None,
        "apiKey": key.api_key,
        "secret": key.secret,
        "password": key.password,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", PROGRAM),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # a traceback of ccxt repeats what it sent
        env={"PYTHONPATH": ":".join(path for path in sys.path if path), "PATH": "/usr/bin:/bin"},
    )
    try:
        async with asyncio.timeout(LONGEST_S):
            out, _ = await process.communicate(json.dumps(request).encode())
    except TimeoutError:
        return {"error": "Unavailable"}
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        answer = json.loads(out[:MOST_BYTES])
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {"error": "Unreadable"}


def _refusal(error: str, exchange: str) -> Problem:
    match error:
        case "Invalid":
            return _no(
                "KeyInvalid", "/apiKey", f"{exchange} does not accept this key: is it copied whole, active, of {exchange}?"
            )
        case "NoPassword":
            detail = f"keys of {exchange} have a third part, the passphrase: give it along (`tw keys add --password`)"
            return _no("KeyInvalid", "/password", detail)
        case "NotCheckable":
            detail = f"what a key of {exchange} may do cannot be asked, so none is taken: it might withdraw"
            return _no("KeyNotCheckable", "/exchange", detail)
        case "Unavailable" | "Skew":
            detail = f"{exchange} did not answer, so the key was not checked and not kept; try again"
            return Problem(503, "ExchangeUnavailable", detail, headers={"Retry-After": "10"})
        case _:
            detail = f"{exchange} answered what nobody understands, so the key was not checked and not kept; try again"
            return Problem(502, "ExchangeUnreadable", detail)


def _no(code: str, where: str, detail: str) -> Problem:
    return Problem(422, code, detail, errors=[FieldError(where, code, detail)])
