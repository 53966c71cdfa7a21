"""Who signs what, and when: HMAC-SHA256 over exactly the bytes that were sent, and the rule of the receive window."""

import hmac
from urllib.parse import parse_qsl

from tradewind_simulator.accounts import ApiKey
from tradewind_simulator.errors import DialectError, illegal, missing
from tradewind_simulator.parameters import whole

MOST_WINDOW_MS, WINDOW_MS, AHEAD_MS = 60_000, 5_000, 1_000
TWICE = DialectError(-1101, "Duplicate values for a parameter detected.")
BAD_SIGNATURE = "Signature for this request is not valid."


def split_signature(query: str, body: str) -> tuple[str, str]:
    """Return the payload that was signed and the signature; it may stand at any place of query or body."""
    payload, signature = "", ""
    for part in (query, body):
        if "signature=" not in part:
            payload += part
            continue
        kept = []
        for item in part.split("&"):
            if item.startswith("signature="):
                signature = item[10:]
            else:
                kept.append(item)
        payload += "&".join(kept)
    return payload, signature


def parameters(query: str, body: str) -> dict[str, str]:
    """Return the parameters of a request by name. Raises DialectError where one is sent twice."""
    text = f"{query}&{body}" if query and body else query or body
    if "%" not in text and "+" not in text:
        pairs = [(name, value) for name, _, value in (item.partition("=") for item in text.split("&")) if name]
    else:
        pairs = parse_qsl(text, keep_blank_values=True)
    found = dict(pairs)
    if len(found) != len(pairs):
        raise TWICE
    return found


def check_signature(key: ApiKey, payload: str, signature: str) -> None:
    """Refuse a payload that was signed with another key, or was changed on its way. Raises DialectError."""
    if not signature:
        raise missing("signature")
    if len(signature) != 64 or not signature.isascii():
        raise illegal("signature", "^[A-Fa-f0-9]{64}$")
    expected = key.sign(payload.encode("utf-8", "surrogateescape"))
    if not hmac.compare_digest(expected, signature.lower()):
        raise DialectError(-1022, BAD_SIGNATURE)


def check_time(params: dict[str, str], server_ms: int, *, judged: bool = True) -> None:
    """Refuse what is more than a second ahead of the exchange's clock or older than the window. Raises DialectError.

    Where the exchange's clock runs at another speed than any client's, a time must be there but is not judged.
    """
    stamp = whole(params, "timestamp")
    if stamp is None:
        raise missing("timestamp")
    window = whole(params, "recvWindow")
    if window is None:
        window = WINDOW_MS
    if window > MOST_WINDOW_MS:
        raise DialectError(-1131, f"recvWindow must be less than {MOST_WINDOW_MS}")
    if not judged:
        return
    if stamp >= server_ms + AHEAD_MS:
        raise DialectError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if server_ms - stamp > window:
        raise DialectError(-1021, "Timestamp for this request is outside of the recvWindow.")
