"""Client order ids: known before an order reaches the wire, the same whenever they are computed again."""

import hashlib

from tradewind_api.heard import ALPHABET, EPOCH_CHARACTERS, NUMBER_CHARACTERS, base36

CHARACTERS = EPOCH_CHARACTERS + NUMBER_CHARACTERS


def client_order_id(bot_uid: str, epoch: int, intent: int) -> str:
    """Return 18 characters of [0-9a-z]: 7 of the bot, 4 of the epoch, 7 of the intent's number.

    Raises:
        ValueError: If epoch or number do not fit.

    >>> client_order_id("uid", 1, 36)[7:]
    '00010000010'
    """
    return bot_prefix(bot_uid) + base36(epoch, 4) + base36(intent, 7)


def bot_prefix(bot_uid: str) -> str:
    """Return the 7 characters that all orders of a bot start with."""
    return base36(int.from_bytes(hashlib.sha256(bot_uid.encode()).digest(), "big") % 36**7, 7)


def epoch_of(cid: str, bot_uid: str) -> int | None:
    """Return the epoch that an order of this bot was made under, None for an order of somebody else.

    >>> epoch_of(client_order_id("uid", 40, 1), "uid"), epoch_of("x-TKT5PX2F1", "uid")
    (40, None)
    """
    if len(cid) != CHARACTERS or not cid.startswith(bot_prefix(bot_uid)) or set(cid) - set(ALPHABET):
        return None
    return int(cid[7:11], 36)


def cancel_id(cid: str, epoch: int) -> str:
    """Return under which id a pod ends an order of another pod of its bot: that one, if it still runs, sees who did it.

    >>> epoch_of(cancel_id(client_order_id("uid", 1, 36), 2), "uid")
    2
    """
    return f"{cid[:7]}{base36(epoch, 4)}z{cid[12:]}"
