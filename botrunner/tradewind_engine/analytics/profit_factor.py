"""Profit factor: gross profit a unit of gross loss."""


def profit_factor(gained: float, lost: float) -> float | None:
    """Return what winning trades made over what losing ones lost (Vince, Portfolio Management Formulas, 1990).

    Args:
        gained: The sum of the profits above 0, after costs.
        lost: The sum of those below 0, a positive number.

    Returns:
        None without a losing trade, as the ratio has no value then.

    >>> profit_factor(6.0, 2.0)
    3.0
    """
    return gained / lost if lost else None
