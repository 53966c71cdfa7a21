"""What a cluster was asked to be: written by `up`, read by the supervisor and by the next `up`."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tradewind_cluster.layout import Layout, layout

FILE = "cluster.json"


@dataclass(frozen=True, slots=True)
class Options:
    """Name, whether there is a node, ports of 127.0.0.1 to node ports, whether kwok plays nodes."""

    name: str
    node: bool
    forward: dict[int, int] = field(default_factory=dict)
    kwok: bool = False

    def layout(self, state: Path) -> Layout:
        """Return the layout of this cluster in the folder `state`."""
        return layout(self.name, node=self.node, state=state)


def read_options(state: Path) -> Options:
    """Return what was asked for. Raises OSError where there was no `up` yet."""
    raw = json.loads((state / FILE).read_text())
    forward = {int(port): int(target) for port, target in raw.get("forward", {}).items()}
    return Options(raw["name"], raw["node"], forward, raw.get("kwok", False))


def write_options(state: Path, options: Options) -> None:
    """Write what is asked for, in one step."""
    half = state / f"{FILE}.new"
    half.write_text(json.dumps(asdict(options)))
    half.replace(state / FILE)
