"""Accounts' keys."""

import hmac

import pytest

from tradewind_simulator.accounts import ApiKey


@pytest.mark.parametrize("length", [1, 63, 64, 65, 200])
def test_a_key_signs_as_any_client_does(length):
    """HMAC-SHA256, with secrets shorter and longer than a block, as often as it is asked."""
    secret = bytes(range(1, 201))[:length]
    key = ApiKey("key", secret)
    for payload in (b"", b"symbol=BTCUSDT&timestamp=1", b"x" * 1000):
        assert hmac.digest(secret, payload, "sha256").hex() == key.sign(payload) == key.sign(payload)
