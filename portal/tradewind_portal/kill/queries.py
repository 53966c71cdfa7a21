"""The tables of kill switches and of requests to close."""

from dataclasses import dataclass
from typing import get_args

from tradewind_api.runner import KillScope
from tradewind_portal.store import Cursor, Row, all_rows, one_row

SCOPES: tuple[KillScope, ...] = get_args(KillScope)
PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """A switch that is on. `target` is a bot's or tenant's uid, an exchange key's id, or `platform`; `name` is for people."""

    scope: KillScope
    target: str
    tenant_uid: str | None
    name: str
    reason: str
    by_platform: bool
    set_by: str
    set_ms: int


@dataclass(frozen=True, slots=True)
class CloseRequest:
    """The newest request to sell what a bot holds; done once `done_number` has reached `number`."""

    bot_uid: str
    number: int
    done_number: int
    asked_by: str
    asked_ms: int
    done_ms: int | None

    @property
    def open(self) -> bool:
        """Whether the bot has not said yet that it is done."""
        return self.done_number < self.number


def put(cursor: Cursor, switch: KillSwitch) -> None:
    """Switch on; one that is on already keeps its first moment, and stays the platform's if it was."""
    cursor.execute(
        "INSERT INTO kill_switches VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (scope, target) DO UPDATE SET"
        " reason = excluded.reason, by_platform = kill_switches.by_platform OR excluded.by_platform, set_by = excluded.set_by",
        [
            *(switch.scope, switch.target, switch.tenant_uid, switch.name),
            *(switch.reason, switch.by_platform, switch.set_by, switch.set_ms),
        ],
    )


def take_away(cursor: Cursor, scope: KillScope, target: str) -> None:
    """Switch off."""
    cursor.execute("DELETE FROM kill_switches WHERE scope = ? AND target = ?", [scope, target])


def one(cursor: Cursor, scope: KillScope, target: str) -> KillSwitch | None:
    """Return a switch that is on."""
    row = one_row(cursor, "SELECT * FROM kill_switches WHERE scope = ? AND target = ?", [scope, target])
    return KillSwitch(**row) if row else None


def is_set(cursor: Cursor, scope: KillScope, target: str) -> bool:
    """Return whether a switch is on."""
    return one(cursor, scope, target) is not None


def every(cursor: Cursor) -> list[KillSwitch]:
    """Return all switches that are on, oldest first."""
    return [KillSwitch(**row) for row in all_rows(cursor, "SELECT * FROM kill_switches ORDER BY set_ms, scope, target")]


def request_close(cursor: Cursor, bot_uid: str, by: str, now_ms: int) -> CloseRequest:
    """Return the open request of a bot, or a new one under the next number."""
    before = close_request(cursor, bot_uid)
    if before is not None and before.open:
        return before
    number = before.number + 1 if before else 1
    cursor.execute(
        "INSERT INTO close_requests VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT (bot_uid) DO UPDATE SET number = excluded.number,"
        " asked_by = excluded.asked_by, asked_ms = excluded.asked_ms, done_ms = NULL",
        [bot_uid, number, number - 1, by, now_ms],
    )
    return CloseRequest(bot_uid, number, number - 1, by, now_ms, None)


def acknowledge_close(cursor: Cursor, bot_uid: str, number: int, now_ms: int) -> bool:
    """Note that a bot is done with all requests up to `number`; return whether that is news."""
    row = one_row(
        cursor,
        "UPDATE close_requests SET done_number = least(number, ?::INTEGER), done_ms = ? WHERE bot_uid = ?"
        " AND done_number < least(number, ?::INTEGER) RETURNING number",
        [number, now_ms, bot_uid, number],
    )
    return row is not None


def close_request(cursor: Cursor, bot_uid: str) -> CloseRequest | None:
    """Return a bot's newest request."""
    row: Row | None = one_row(cursor, "SELECT * FROM close_requests WHERE bot_uid = ?", [bot_uid])
    return CloseRequest(**row) if row else None
