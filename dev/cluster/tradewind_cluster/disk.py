"""Room on the disk, said in gigabytes before anything is started that would fill it."""

import shutil
from pathlib import Path

from tradewind_cluster.layout import ClusterError

GIGABYTE = 1024**3


def check_free(place: Path, wanted: int, variable: str) -> None:
    """Raise ClusterError where fewer than `wanted` bytes are free at `place`, which need not exist; `variable` moves it."""
    existing = next(parent for parent in (place, *place.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < wanted:
        raise ClusterError(
            f"{free / GIGABYTE:.1f} GB of disk are free at {existing}, {wanted / GIGABYTE:.0f} are needed: "
            f"make room, or set {variable} to a folder elsewhere"
        )
