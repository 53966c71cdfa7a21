"""How many pods share an optimisation: one as long as the plan's processors for a backtest are enough, several beyond that."""

import math
from dataclasses import dataclass
from typing import Any

from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.ranges import axes_of
from tradewind_api.plan import PlanSpec
from tradewind_api.runner import MAX_SHARDS, Optimization
from tradewind_operator.desired.names import Object

SHARDS_PER_POD = 2  # shards differ in length; the pod that is done first takes another


@dataclass(frozen=True, slots=True)
class Sharing:
    """`shards` of the points, worked on by `pods` at once."""

    shards: int = 1
    pods: int = 1


ALONE = Sharing()


def sharing_of(spec: dict[str, Any], document: StrategyDocument, asked: Optimization | None, plan: PlanSpec) -> Sharing:
    """Return how an optimisation is shared. Raises InvalidDocumentError with every fault of its ranges.

    The plan's number of backtests at once is the most that its pods may be, since each takes the room of one. A search that
    chooses its points as it goes is shared by its parts: the whole history, and each step of the walk-forward. Without a
    walk-forward it is shared by the points of its sample, half of its budget; the last pod goes on from there alone.
    """
    if asked is None:
        return ALONE
    axes = axes_of(document, {tuned.address: (tuned.min, tuned.max, tuned.step) for tuned in asked.parameters})
    limits = plan.limits
    wanted = (spec.get("optimization") or {}).get("parallelism") or limits.backtest_cpu
    pods = min(math.ceil(wanted / limits.backtest_cpu), limits.concurrent_backtests)
    if pods <= 1:
        return ALONE
    parts, size = 1 + asked.folds, math.prod(map(len, axes.values()))
    chosen = parts if asked.folds else max(1, asked.budget // 2)
    most = parts * size if size <= asked.budget else chosen
    shards = min(SHARDS_PER_POD * pods, most, MAX_SHARDS)
    return Sharing(shards, min(pods, shards)) if shards > 1 else ALONE


def beyond_plan(document: StrategyDocument, asked: Optimization | None, plan: PlanSpec) -> str:
    """Return what of an optimisation the plan does not grant, nothing if it grants all. Raises InvalidDocumentError."""
    if asked is None:
        return ""
    axes = axes_of(document, {tuned.address: (tuned.min, tuned.max, tuned.step) for tuned in asked.parameters})
    if "Optimisation" not in plan.features:
        return f"spec.optimization: plan {plan.display_name} does not include it; leave it out or take another plan"
    size, most = math.prod(map(len, axes.values())), plan.limits.trials
    points = size if size <= asked.budget else asked.budget + asked.trials
    if points > most:
        wanted = f"allows {most} points, this one may look at {points}: tune less, or set budget and trials lower"
        return f"spec.optimization: plan {plan.display_name} {wanted}"
    if asked.folds and "WalkForward" not in plan.features:
        return f"spec.optimization.walkForward: plan {plan.display_name} does not include it; leave it out or take another plan"
    return ""


def sharing_in(job: Object) -> Sharing:
    """Return how a Job that exists is shared; a plan that has changed since changes nothing for it."""
    spec = job["spec"]
    return Sharing(spec["completions"], spec["parallelism"]) if spec.get("completionMode") == "Indexed" else ALONE
