"""DNS packets, bit by bit."""

from tradewind_cluster.name_service import address_in, question


def test_a_question_is_a_header_the_labels_and_the_type() -> None:
    """RFC 1035: id, recursion desired, one question; then lengths and labels; A, IN."""
    assert bytes.fromhex("00070100 0001 0000 0000 0000 0161 026262 00 0001 0001") == question(7, "a.bb")


def test_an_answer_ends_with_the_address() -> None:
    """10.96.0.1, asked for by a name of one label."""
    header = bytes.fromhex("00078180 0001 0001 0000 0000")
    body = bytes.fromhex("0161 00 0001 0001 c00c 0001 0001 00000005 0004 0a600001")
    assert "10.96.0.1" == address_in(header + body)


def test_an_error_or_an_empty_answer_is_no_address() -> None:
    """NXDOMAIN is code 3."""
    assert address_in(bytes.fromhex("00078183 0001 0000 0000 0000 0161 00 0001 0001")) is None
