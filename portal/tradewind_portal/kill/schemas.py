"""Messages about kill switches and closing."""

from pydantic import Field

from tradewind_api.contract import Contract
from tradewind_api.ledger import Milliseconds
from tradewind_api.runner import KillScope
from tradewind_portal.kill.queries import CloseRequest, KillSwitch


class KillRequest(Contract):
    """Why a switch goes on."""

    reason: str = Field(default="", max_length=200, description="For the audit log, and for whoever wonders.")


class KillSwitchInfo(Contract):
    """A switch that is on: no new entries, own orders cancelled, positions by stop policy."""

    scope: KillScope
    name: str = Field(description="Of the bot, exchange key or tenant; `platform` for all.")
    reason: str
    by_platform: bool = Field(description="An administrator set it: only one can release it.")
    set_by: str
    set_ms: Milliseconds


class CloseInfo(Contract):
    """A request to sell all that a bot holds, once."""

    number: int = Field(description="Counts this bot's requests.")
    done: bool = Field(description="Whether the bot has said that it is done.")
    asked_by: str
    asked_ms: Milliseconds
    done_ms: Milliseconds | None = None


def switch_info(switch: KillSwitch) -> KillSwitchInfo:
    """Return what is shown of a switch."""
    return KillSwitchInfo(
        scope=switch.scope,
        name=switch.name,
        reason=switch.reason,
        by_platform=switch.by_platform,
        set_by=switch.set_by,
        set_ms=switch.set_ms,
    )


def close_info(request: CloseRequest) -> CloseInfo:
    """Return what is shown of a request to close."""
    return CloseInfo(
        number=request.number,
        done=not request.open,
        asked_by=request.asked_by,
        asked_ms=request.asked_ms,
        done_ms=request.done_ms,
    )
