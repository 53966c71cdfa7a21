"""Deleting a live bot: nothing of it goes before its orders are dealt with, or a person says that they need not be.

The pod stops by its stop policy and leaves a receipt. A pod that is gone, or late, without one is followed by the reaper's Job,
which cancels what is open. After twice the time that stopping may take, the bot stays, says so, and names the way out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tradewind_api.resources import FORCE_DELETE_ANNOTATION
from tradewind_operator.desired.backtest import job_ended
from tradewind_operator.desired.names import Object, child_name
from tradewind_operator.desired.pod_state import PodState, last_words
from tradewind_operator.desired.stateful_set import STOP_MARGIN_S
from tradewind_operator.desired.status import Fact

LOOK_AGAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What is observed of a bot that is being deleted. `receipt` is the sentence of the last pod's receipt."""

    pod: PodState
    receipt: str | None
    reaper: Object | None
    reaper_pod: PodState


@dataclass(frozen=True, slots=True)
class Shutdown:
    """What should be: `done` lets the resource go, `reap` wants the reaper's Job, `late` is worth a warning."""

    fact: Fact
    done: bool = False
    reap: bool = False
    late: bool = False


def shutdown(bot: Object, seen: Seen, now: datetime) -> Shutdown:
    """Return the next step of a live bot's deletion."""
    forced = (bot["metadata"].get("annotations") or {}).get(FORCE_DELETE_ANNOTATION, "").strip()
    if forced:
        return _done("Forced", f"let go without a receipt: {forced}")
    if seen.receipt is not None:
        return _done("Receipt", seen.receipt)
    began = datetime.fromisoformat(bot["metadata"]["deletionTimestamp"])
    allowed = timedelta(seconds=bot["spec"].get("shutdownTimeoutSeconds", 120) + STOP_MARGIN_S)
    if seen.pod.exists and now < began + allowed:
        return Shutdown(Fact("SafeShutdown", False, "Stopping", "the pod carries out its stop policy"))
    if bot["spec"].get("stopPolicy") == "LeaveOpen":
        if seen.pod.exists and now < began + 2 * allowed:
            return Shutdown(Fact("SafeShutdown", False, "Stopping", "the pod is late"))
        return _done("LeftOpen", "orders and positions are left as they are, as spec.stopPolicy asks")
    return _reaped(bot, seen, late=now >= began + 2 * allowed)


def receipt_of(pod: Object) -> str | None:
    """Return the sentence of the receipt with which a pod has ended; None while it runs, or if it left none."""
    container = ((pod.get("status") or {}).get("containerStatuses") or [{}])[0]
    ended = (container.get("state") or {}).get("terminated")
    words = last_words(ended.get("message", "")) if ended else {}
    return str(words.get("message") or "stopped") if words.get("receipt") is True else None


def way_out(bot: Object) -> str:
    """Return the command that lets a bot go without a receipt."""
    metadata = bot["metadata"]
    return (
        f"kubectl annotate tb {metadata['name']} -n {metadata['namespace']} {FORCE_DELETE_ANNOTATION}='why' "
        "(look at the exchange first: its orders may still be open)"
    )


def _reaped(bot: Object, seen: Seen, *, late: bool) -> Shutdown:
    words = last_words(seen.reaper_pod.last_words).get("message", "") if seen.reaper_pod.last_words else ""
    match job_ended(seen.reaper):
        case "Complete":
            return _done("Reaped", str(words) or "the reaper cancelled what was open")
        case "Failed":
            name, namespace = child_name("reaper", bot), bot["metadata"]["namespace"]
            again = f"kubectl delete job {name} -n {namespace}"
            message = f"the reaper gave up: {words or 'see its pods'}; try again: {again}; or let the bot go: {way_out(bot)}"
            return Shutdown(Fact("SafeShutdown", False, "ReaperFailed", message), reap=True, late=True)
    doing = words or (seen.reaper_pod.message if seen.reaper_pod.exists else "the reaper starts")
    if late:
        message = f"orders may still be open, the reaper goes on trying ({doing}); to let the bot go: {way_out(bot)}"
        return Shutdown(Fact("SafeShutdown", False, "TimedOut", message), reap=True, late=True)
    return Shutdown(Fact("SafeShutdown", False, "Reaping", f"no receipt of the pod; {doing}"), reap=True)


def _done(reason: str, message: str) -> Shutdown:
    return Shutdown(Fact("SafeShutdown", True, reason, message), done=True)
