"""What matters of a pod: is it there, is it ready, and if not, why."""

import json
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PodState:
    """A pod as its owner's status tells of it. `last_words` is the termination message of the last container that ended."""

    exists: bool = False
    ready: bool = False
    failing: bool = False
    reason: str = "PodPending"
    message: str = "the pod has not been created yet"
    name: str = ""
    image: str = ""
    restarts: int = 0
    start_time: str = ""
    last_words: str = ""
    exit_code: int | None = None


def pod_state(pod: Object | None) -> PodState:
    """Return the state of a pod with one container; None means that there is none."""
    if pod is None:
        return PodState()
    status = pod.get("status") or {}
    container = (status.get("containerStatuses") or [{}])[0]
    state = container.get("state") or {}
    ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated") or {}
    is_ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or [])
    reason, message = _why(status, state, ended)
    return PodState(
        exists=True,
        ready=is_ready and "deletionTimestamp" not in pod["metadata"],
        failing=(state.get("waiting") or {}).get("reason")
        in {"CrashLoopBackOff", "ErrImageNeverPull", "CreateContainerConfigError"},
        reason=reason,
        message=message,
        name=pod["metadata"]["name"],
        image=(pod["spec"]["containers"][0]).get("image", ""),
        restarts=container.get("restartCount", 0),
        start_time=status.get("startTime", ""),
        last_words=ended.get("message", ""),
        exit_code=ended.get("exitCode"),
    )


def telling(states: list[PodState]) -> PodState:
    """Return the pod whose last words tell of its Job: the one with the result, else one that failed, else the newest.

    Of the pods that share an optimisation only the last one to be done has a result. `states` are newest first.
    """
    for state in states:
        if last_words(state.last_words).get("result"):
            return state
    return next((state for state in states if state.exit_code), states[0] if states else PodState())


def last_words(text: str) -> Object:
    """Return the decoded termination message of a runner; whatever else it is, under `message`."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"message": text[-500:]}


def _why(status: Object, state: Object, ended: Object) -> tuple[str, str]:
    waiting = state.get("waiting")
    if waiting and waiting.get("reason") != "ContainerCreating":
        words = last_words(ended.get("message", "")).get("message", "")
        return waiting.get("reason", "Waiting"), f"{waiting.get('message', '')} {words}".strip()
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return "Unschedulable", condition.get("message", "")
    if "running" in state:
        words = last_words(ended.get("message", "")).get("message", "")
        return "NotReady", words or "the runner is starting: it restores its state and waits for portal and exchange"
    return "PodStarting", "the pod is starting"
