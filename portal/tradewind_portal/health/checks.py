"""What makes the portal ready. Exchanges and a silent API server do not: the one process must stay reachable for bots."""

from dataclasses import dataclass

from tradewind_portal.cluster.port import Cluster
from tradewind_portal.store import Store

STALE_S = 120.0


@dataclass(frozen=True, slots=True)
class Check:
    """One question. A `needed` one that fails makes the portal unready."""

    name: str
    passed: bool
    detail: str
    needed: bool = True


def readiness(store: Store, cluster: Cluster, *, min_free_mib: int) -> list[Check]:
    """Return all checks."""
    free = store.free_bytes() // (1024 * 1024)
    checks = [
        Check("store-writer", store.well, "takes writes" if store.well else "has stopped"),
        Check("disk", free >= min_free_mib, f"{free} MiB are free, {min_free_mib} are wanted"),
    ]
    for plural, age in cluster.watch_age_s().items():
        if age == float("inf"):
            checks.append(Check(f"watch-{plural}", passed=False, detail="was never listed"))
        else:
            checks.append(Check(f"watch-{plural}", age <= STALE_S, f"heard of {age:.0f} s ago", needed=False))
    return checks
