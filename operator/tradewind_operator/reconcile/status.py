"""The status of one resource: written only where it differs, told as an Event where the summary changed."""

import logging
from datetime import UTC, datetime
from typing import Any

from tradewind_kube.errors import NotFoundError
from tradewind_operator.desired.names import Object
from tradewind_operator.desired.status import Fact, conditions
from tradewind_operator.reconcile.apply import named
from tradewind_operator.reconcile.context import Context
from tradewind_operator.world import OURS

log = logging.getLogger("tradewind.operator")
KINDS = {"tradingbots": "TradingBot", "backtests": "Backtest", "strategies": "Strategy", "tenants": "Tenant"}
BAD = {"Failed", "Halted", "Invalid"}


def now() -> str:
    """Return the time as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def write_status(context: Context, plural: str, resource: Object, facts: list[Fact], fields: dict[str, Any]) -> None:
    """Write the status of a resource if it is not that already."""
    before = resource.get("status") or {}
    metadata = resource["metadata"]
    generation = metadata.get("generation", 0)
    status = {
        "observedGeneration": generation,
        "conditions": conditions(facts, before.get("conditions") or [], generation=generation, now=now()),
        **fields,
    }
    if all(before.get(key) == value for key, value in status.items()):
        return
    try:
        written = await context.client.merge(
            OURS[plural], metadata["name"], {"status": status}, metadata.get("namespace", ""), subresource="status"
        )
    except NotFoundError:
        return
    key = (metadata.get("namespace", ""), metadata["name"])
    if key in context.world.ours[plural]:
        context.world.ours[plural][key] = {**resource, "metadata": written["metadata"], "status": written.get("status", {})}
    summary = fields.get("summary", "")
    if summary and summary != before.get("summary"):
        note = next((fact.message for fact in facts if fact.holds is False and fact.message), "")
        level = logging.WARNING if summary in BAD else logging.INFO
        was = before.get("summary") or "New"
        log.log(level, "%s %s: %s, was %s%s", KINDS[plural], named(metadata), summary, was, f": {note}" if note else "")
        await context.announcer.tell(KINDS[plural], resource, summary, note or summary, warning=summary in BAD)
