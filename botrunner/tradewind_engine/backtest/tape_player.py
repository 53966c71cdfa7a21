"""The compiled loop that plays a tape: every step over one tile of candles, then the next tile.

A mean's windows are put together as `operations.windows` has it, from windows of 1, 2, 4 ... values, each of which stands
in a slot for all means that need it. Of two numbers added last a quotient is asked for, and a division takes a processor four
times as long as what replaces it here, which gives the same bits.
"""

from typing import Any

import numpy as np
from numba.core import types
from numba.extending import intrinsic

from tradewind_engine.backtest.compiled import crosses
from tradewind_engine.backtest.loading import loop

SOURCE, CONSTANT, SUM, MEAN, SCALED, CROSSES, ABOVE, ALL, ANY, NOT = range(10)
SMALL, LARGE = 1e-200, 1e200  # between them no remainder of a division is too small for a number or too large


def _rounded_once(_typing, first, second, third):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG001 - numba
    """Return first * second + third, rounded once."""

    def build(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), build


_fused: Any = intrinsic(_rounded_once)


@loop
def _divided(first, second, divisor, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - numba
    """Fill (first + second) / divisor, shape (n,).

    Multiplied by the reciprocal, a quotient may miss by more than its last digit. What is then left over is exact where it is
    rounded once, and twice corrected by it the quotient is the rounded one (Markstein, IBM Journal 34/1, 1990).
    """
    reciprocal = 1.0 / divisor
    odd = 0
    for i in range(out.size):
        total = first[i] + second[i]
        quotient = total * reciprocal
        quotient = _fused(_fused(-quotient, divisor, total), reciprocal, quotient)
        out[i] = _fused(_fused(-quotient, divisor, total), reciprocal, quotient)
        odd += 1 - ((total > SMALL) & (total < LARGE))
    if odd > 0:  # also where a number is unknown, or 0
        for i in range(out.size):
            out[i] = (first[i] + second[i]) / divisor


@loop
def play(one, two, three, four, five, steps, values, back, numbers, answers, ends, entry, exit_):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, C901, PLR0912, D417 - numba compiles one flat loop
    """Say what a document says at each close.

    Args:
        one, two, three, four, five: Sources, shape (n,).
        steps, values: See `tape.Tape`.
        back: Candles before a tile that its first one looks back at.
        numbers, answers: Room for the slots over a tile and what is before it, shape (slots, back + tile).
        ends: Slots of answers that say to enter and to leave.
        entry, exit_: Filled, shape (n,).
    """
    tile = numbers.shape[1] - back
    for start in range(0, entry.size, tile):
        stop = min(start + tile, entry.size)
        begin = max(0, start - back)
        size = stop - begin
        for k in range(steps.shape[0]):
            code, out, first, second, shift, span = steps[k]
            value, count = values[k], max(0, size - span + 1)
            if code == SOURCE:
                source = (one, two, three, four, five)[first][begin:stop]
                copy = numbers[out][:size]
                for i in range(size):
                    copy[i] = source[i]
            elif code == CONSTANT:
                numbers[out][:size] = value
            elif code == SUM:
                total, older, newer = numbers[out][:count], numbers[first][:count], numbers[second][shift : shift + count]
                for i in range(count):
                    total[i] = older[i] + newer[i]
            elif code == MEAN:
                numbers[out][: size - count] = np.nan
                _divided(
                    numbers[first][:count], numbers[second][shift : shift + count], value, numbers[out][size - count : size]
                )
            elif code == SCALED:
                numbers[out][: size - count] = np.nan
                scaled, total = numbers[out][size - count : size], numbers[first][:count]
                for i in range(count):
                    scaled[i] = total[i] * value
            elif code == CROSSES:
                crosses(numbers[first][:size], numbers[second][:size], answers[out][:size])
            elif code == ABOVE:
                above, left, right = answers[out][:size], numbers[first][:size], numbers[second][:size]
                for i in range(size):
                    above[i] = left[i] > right[i]
            else:
                answer, this, other = answers[out][:size], answers[first][:size], answers[second][:size]
                if code == ALL:
                    for i in range(size):
                        answer[i] = this[i] & other[i]
                elif code == ANY:
                    for i in range(size):
                        answer[i] = this[i] | other[i]
                else:
                    for i in range(size):
                        answer[i] = not this[i]
        enter, leave = entry[start:stop], exit_[start:stop]
        enters, leaves = answers[ends[0]][start - begin : size], answers[ends[1]][start - begin : size]
        for i in range(enter.size):
            enter[i] = enters[i]
            leave[i] = leaves[i]
