"""What a person is told whose registry takes no image."""

import pytest

from tradewind_demo.images import _remedy


@pytest.mark.parametrize(
    ("told", "remedy"),
    [
        (
            "http: server gave HTTP response to HTTPS client",
            "r.example:5000 speaks no TLS: name it in /etc/containers/registries.conf",
        ),
        ("unauthorized: authentication required", "is `buildah login r.example:5000` needed?"),
    ],
)
def test_a_refused_push_says_what_to_do(told: str, remedy: str):
    """Two causes are the common ones; the host is named without the path."""
    assert _remedy(told, "r.example:5000/tradewind").startswith(remedy)
