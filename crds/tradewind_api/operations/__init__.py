"""The operations of the strategy language: one family a file, one explicit table of all.

- declaration: what a declaration says    - averages, oscillators, bands: series of numbers
- comparisons, logic: yes or no
"""

from tradewind_api.operations.averages import AVERAGES
from tradewind_api.operations.bands import BANDS
from tradewind_api.operations.comparisons import COMPARISONS
from tradewind_api.operations.declaration import Operation
from tradewind_api.operations.logic import LOGIC
from tradewind_api.operations.oscillators import OSCILLATORS

OPERATIONS: dict[str, Operation] = {
    operation.name: operation for operation in (*AVERAGES, *OSCILLATORS, *BANDS, *COMPARISONS, *LOGIC)
}
PRICES = ("open", "high", "low", "close", "volume")
