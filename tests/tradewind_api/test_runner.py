"""Messages between portal and pods: a secret crosses the wire and shows nowhere else."""

import pytest
from pydantic import ValidationError

from tradewind_api.runner import ExchangeCredential, StartAnswer

CANARY = "canary-5d1f0c"
WIRE = {"id": "k1", "version": 1, "apiKey": f"key-{CANARY}", "secret": f"secret-{CANARY}", "password": f"password-{CANARY}"}


def test_a_credential_comes_whole_over_the_wire():
    """What the portal writes as JSON, the runner reads back."""
    credential = ExchangeCredential.model_validate(WIRE)
    read = ExchangeCredential.model_validate_json(credential.model_dump_json(by_alias=True))
    assert [WIRE["apiKey"], WIRE["secret"], WIRE["password"]] == [
        read.api_key.get_secret_value(),
        read.secret.get_secret_value(),
        read.password.get_secret_value(),
    ]


def test_a_credential_shows_in_nothing_but_wire_json():
    """Neither repr nor str nor a dump for Python holds a part of it."""
    answer = StartAnswer.model_validate({"epoch": 1, "leaseSeconds": 900, "state": {}, "credential": WIRE})
    for text in (repr(answer), str(answer), f"{answer.credential}", str(answer.model_dump())):
        assert CANARY not in text


@pytest.mark.parametrize(
    "fault",
    [{"secret": None}, {"secret": [f"secret-{CANARY}"]}, {"apiKey": {CANARY: 1}}, {"version": CANARY}, {"more": CANARY}],
)
def test_a_refused_credential_is_not_repeated(fault):
    """An error about a credential names the field, never what was in it."""
    with pytest.raises(ValidationError) as caught:
        StartAnswer.model_validate({"epoch": 1, "leaseSeconds": 900, "state": {}, "credential": WIRE | fault})
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value)
