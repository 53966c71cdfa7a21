"""Which client order ids a ledger has heard of: the newest of each epoch, and those before it that it has not.

Numbers of one epoch ascend, so the newest tells of all before it; but not every number reaches the ledger. Orders of a pod that
was taken for dead become known by what the exchange shows, in any order. Pure, and the same for the fold and the order desk.
"""

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
EPOCH_CHARACTERS, NUMBER_CHARACTERS = 11, 7
EPOCHS_KEPT, UNHEARD_KEPT = 32, 64


def hear(newest: dict[str, str], unheard: dict[str, tuple[str, ...]], cid: str) -> None:
    """Take note of an id: `newest` and `unheard` are by epoch, the first eleven characters of an id."""
    epoch = cid[:EPOCH_CHARACTERS]
    before = newest.get(epoch, "")
    missing = unheard.get(epoch, ())
    if cid > before:
        missing = (*missing, *_between(epoch, before, cid))[-UNHEARD_KEPT:]
        newest[epoch] = cid
    elif cid in missing:
        missing = tuple(item for item in missing if item != cid)
    if missing:
        unheard[epoch] = missing
    else:
        unheard.pop(epoch, None)
    while len(newest) > EPOCHS_KEPT:
        oldest = next(iter(newest))
        del newest[oldest]
        unheard.pop(oldest, None)


def heard(newest: dict[str, str], unheard: dict[str, tuple[str, ...]], cid: str) -> bool:
    """Return whether an id was heard of."""
    epoch = cid[:EPOCH_CHARACTERS]
    return cid <= newest.get(epoch, "") and cid not in unheard.get(epoch, ())


def base36(number: int, width: int) -> str:
    """Return a number in digits and small letters, which sort as numbers do. Raises ValueError if it does not fit."""
    if not 0 <= number < 36**width:
        raise ValueError(f"{number} does not fit into {width} characters of base 36")
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 36)
        digits = ALPHABET[digit] + digits
    return digits


def _between(epoch: str, before: str, cid: str) -> list[str]:
    """Return the newest ids of an epoch between two; none where ids are not made of numbers."""
    first, last = _number(before) if before else 0, _number(cid)
    if first is None or last is None:
        return []
    return [epoch + base36(number, NUMBER_CHARACTERS) for number in range(max(first + 1, last - UNHEARD_KEPT), last)]


def _number(cid: str) -> int | None:
    digits = cid[EPOCH_CHARACTERS:]
    if len(digits) != NUMBER_CHARACTERS or set(digits) - set(ALPHABET):
        return None
    return int(digits, 36)
