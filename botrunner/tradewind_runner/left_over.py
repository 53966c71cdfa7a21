"""What a killed container of this pod had written down and not handed in: sent before the next epoch begins.

Only before: a new epoch fences the old one. The portal recognises what it has already. A pod that lost its disk has no such
file, and then what was never acknowledged never happened, for the state is folded from the ledger.
"""

import logging
from pathlib import Path

from tradewind_api.ledger import LedgerEvent
from tradewind_api.runner import EVENTS_PER_BATCH, EventBatch
from tradewind_runner.outbox import outboxes, read_groups
from tradewind_runner.portal import PortalClient, PortalRefusedError

log = logging.getLogger("tradewind.runner")


async def resend(portal: PortalClient, folder: Path) -> None:
    """Hand in the newest left-over outbox and delete all. Raises PortalUnavailableError; then it is to be called again."""
    files = outboxes(folder)
    if files:
        try:
            await _send(portal, files[-1])
        except (PortalRefusedError, ValueError) as exc:
            log.warning("what %s holds is not taken: %s", files[-1].name, exc)
    for path in files:
        path.unlink()


async def _send(portal: PortalClient, path: Path) -> None:
    batch: list[LedgerEvent] = []
    for group in read_groups(path):
        if batch and len(batch) + len(group) > EVENTS_PER_BATCH:
            await portal.events(EventBatch(epoch=batch[0].epoch, events=batch))
            batch = []
        batch += group
    if batch:
        await portal.events(EventBatch(epoch=batch[0].epoch, events=batch))
