"""The termination message: what the operator reads of a pod that has ended."""

from pathlib import Path

from tradewind_api.runner import TerminationMessage

MOST_BYTES = 4096


def write_last_words(path: Path, words: TerminationMessage) -> None:
    """Write the message, shortened to what Kubernetes keeps. A pod without the file ends all the same."""
    text = words.model_dump_json(by_alias=True, exclude_none=True)
    while len(text.encode()) > MOST_BYTES and (words.message or words.trust_reasons):
        shorter: dict[str, object] = {"message": words.message[: len(words.message) // 2], "missing": words.missing[:3]}
        words = words.model_copy(update=shorter | {"trust_reasons": words.trust_reasons[:-1]})  # the gravest stand first
        text = words.model_dump_json(by_alias=True, exclude_none=True)
    try:
        path.write_text(text)
    except OSError:
        return
