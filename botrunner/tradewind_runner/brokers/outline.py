"""The request of a market order, made by ccxt before there is an order: amount, price and id are all that is left to fill in.

What ccxt does between an order and its signature does not depend on the order but for those, and takes as long as signing
and sending it together. So ccxt is asked beforehand for two orders that differ in all of them, neither of which is sent; where
the requests differ in just these, each standing there as it was given, every other order of that kind differs in them too.
Where anything else differs, or is not flat, there is no outline. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """A request as ccxt wants it signed."""

    path: str
    api: Any
    method: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outline:
    """Of the orders of one symbol and side."""

    asked: Asked
    places: Mapping[str, str]

    def filled(self, values: Mapping[str, str]) -> dict[str, Any]:
        """Return the parameters of an order, in ccxt's order."""
        return {**self.asked.parameters, **{self.places[name]: value for name, value in values.items()}}


def outline_of(first: Asked, second: Asked, given: Mapping[str, tuple[str, str]]) -> Outline | None:
    """Return the outline behind two requests of orders with these values by name, None where there is none."""
    if first[:3] != second[:3] or not isinstance(first.parameters, dict) or not isinstance(second.parameters, dict):
        return None
    if list(first.parameters) != list(second.parameters):
        return None
    names, found = {pair: name for name, pair in given.items()}, {}
    for name, value in first.parameters.items():
        pair = value, second.parameters[name]
        if not isinstance(value, str | int | bool) or type(value) is not type(pair[1]):
            return None
        if pair[0] == pair[1]:
            continue
        if names.get(pair) is None or names[pair] in found:
            return None
        found[names[pair]] = name
    return Outline(first, found) if len(found) == len(given) else None
