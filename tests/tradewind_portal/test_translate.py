"""Words of the API server, recorded from version 1.36, as problems."""

import pytest

from tradewind_kube.errors import error_from
from tradewind_portal.cluster.translate import path_to_pointer, problem_from


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        (
            "Invalid value: a live bot needs credentials: the name of an exchange key",
            "a live bot needs credentials: the name of an exchange key",
        ),
        (
            "Invalid value: \"x\": spec.exchange in body should match '^[a-z]+$'",
            "spec.exchange in body should match '^[a-z]+$'",
        ),
        ('Invalid value: "with \\"quotes\\": inside": too long', "too long"),
        ("Invalid value: -5.5: should be greater than or equal to 0", "should be greater than or equal to 0"),
        ('Unsupported value: "Go": supported values: "Running", "Paused"', 'supported values: "Running", "Paused"'),
        ("Required value", "Required value"),
    ],
)
def test_a_cause_is_told_without_its_lead(message: str, detail: str):
    """The value stays out of the answer, the rule's own words stay whole."""
    cause = {"reason": "FieldValueInvalid", "message": message, "field": "spec.exchange"}
    problem = problem_from(error_from(422, {"message": "m", "details": {"causes": [cause]}}), "bot x")
    assert (422, f"bot x: {detail}", "/spec/exchange") == (problem.status, problem.detail, problem.errors[0].pointer)


def test_a_quota_tells_limit_and_use():
    """The figures are fields of the answer."""
    text = (
        'tradingbots.tradewind.dev "b" is forbidden: exceeded quota: plan, requested: count/tradingbots.tradewind.dev=1, '
        "used: count/tradingbots.tradewind.dev=5, limited: count/tradingbots.tradewind.dev=5"
    )
    problem = problem_from(error_from(403, {"message": text}), "bot b")
    assert (403, "QuotaExceeded", {"limit": "5", "used": "5", "resource": "tradingbots"}) == (
        problem.status,
        problem.code,
        problem.more,
    )


def test_an_unknown_field_in_server_side_apply_is_the_askers_fault():
    """The API server says 500; it is a 422."""
    text = "failed to create typed patch object (ns/x; tradewind.dev/v1alpha1, Kind=TradingBot): "
    text += ".spec.colour: field not declared in schema"
    problem = problem_from(error_from(500, {"message": text}), "bot x")
    assert (422, "/spec/colour") == (problem.status, problem.errors[0].pointer)


def test_a_silent_api_server_is_a_503_with_a_pause():
    """So is one that is too busy."""
    problem = problem_from(error_from(429, {"message": "slow down"}, retry_after="7"), "bot x")
    assert (503, "ClusterUnavailable", "7") == (problem.status, problem.code, problem.headers["Retry-After"])


def test_a_right_that_the_portal_lacks_is_not_the_askers_fault():
    """502: an administrator must look."""
    text = 'tradingbots.tradewind.dev is forbidden: User "system:serviceaccount:tw:tradewind-portal" cannot create resource'
    assert 502 == problem_from(error_from(403, {"message": text}), "bot x").status


def test_paths_become_pointers():
    """Dots, brackets, keys with dots, slashes."""
    assert "/spec/symbols/0" == path_to_pointer("spec.symbols[0]")
    assert "/spec/parameters/fast.period" == path_to_pointer("spec.parameters[fast.period]")
    assert "/metadata/labels/a~1b" == path_to_pointer(".metadata.labels[a/b]")
