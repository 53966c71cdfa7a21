"""The table of errors, row by row: what a failed order means, by the bytes that came and the class that ccxt made of them."""

import json

import aiohttp
import ccxt
import pytest

from tradewind_runner.brokers.classify import Answer, classify, not_found
from tradewind_runner.brokers.errors import (
    ClockSkewError,
    CredentialsRefusedError,
    ExchangeUnavailableError,
    ForbiddenError,
    MaintenanceError,
    OrderRejectedError,
    OutcomeUnknownError,
    RateLimitedError,
)


def said(status, code=None, msg="", *, text=None, headers=None):
    return Answer(status, headers or {}, json.dumps({"code": code, "msg": msg}) if text is None else text)


PAGE = "<html>502 Bad Gateway</html>"
TABLE = [
    ("500", ccxt.ExchangeNotAvailable, said(500, text=PAGE), OutcomeUnknownError),
    ("502", ccxt.ExchangeNotAvailable, said(502, text=PAGE), OutcomeUnknownError),
    ("503", ccxt.ExchangeNotAvailable, said(503, text=PAGE), OutcomeUnknownError),
    ("504", ccxt.RequestTimeout, said(504, text=PAGE), OutcomeUnknownError),
    ("-1007", ccxt.RequestTimeout, said(408, -1007, "Timeout waiting for response"), OutcomeUnknownError),
    ("-1000", ccxt.OperationFailed, said(400, -1000, "An unknown error occurred"), OutcomeUnknownError),
    ("-1001", ccxt.OperationFailed, said(503, -1001, "Internal error"), OutcomeUnknownError),
    ("-1006", ccxt.OperationFailed, said(400, -1006, "An unexpected response"), OutcomeUnknownError),
    ("200 with HTML", AttributeError, said(200, text=PAGE), OutcomeUnknownError),
    ("200 and nothing", TypeError, said(200, text=""), OutcomeUnknownError),
    ("200 cut off", KeyError, said(200, text='{"symbol":"BTCU'), OutcomeUnknownError),
    ("400 with HTML", ccxt.ExchangeNotAvailable, said(400, text=PAGE), OutcomeUnknownError),
    ("409", ccxt.ExchangeNotAvailable, said(409, text=PAGE), OutcomeUnknownError),
    ("-1008", ccxt.ExchangeError, said(503, -1008, "Server is currently overloaded"), ExchangeUnavailableError),
    ("429", ccxt.DDoSProtection, said(429, -1003, "Too many requests", headers={"retry-after": "7"}), RateLimitedError),
    ("418", ccxt.DDoSProtection, said(418, -1003, "IP banned", headers={"retry-after": "7"}), RateLimitedError),
    ("-1015", ccxt.DDoSProtection, said(400, -1015, "Too many new orders", headers={"retry-after": "7"}), RateLimitedError),
    ("403", ccxt.ExchangeNotAvailable, said(403, text=PAGE), ForbiddenError),
    ("451", ccxt.ExchangeNotAvailable, said(451, 0, "restricted location"), ForbiddenError),
    ("-1021", ccxt.InvalidNonce, said(400, -1021, "Timestamp for this request"), ClockSkewError),
    ("-2015 after a good call", ccxt.DDoSProtection, said(401, -2015, "Invalid API-key"), CredentialsRefusedError),
    ("-2015", ccxt.AuthenticationError, said(400, -2015, "Invalid API-key, IP"), CredentialsRefusedError),
    ("-1022", ccxt.AuthenticationError, said(400, -1022, "Signature"), CredentialsRefusedError),
    ("-2014", ccxt.AuthenticationError, said(401, -2014, "API-key format"), CredentialsRefusedError),
    ("-2010 duplicate", ccxt.InvalidOrder, said(400, -2010, "Duplicate order sent."), "Duplicate"),
    ("-2010 balance", ccxt.InsufficientFunds, said(400, -2010, "Account has insufficient balance"), "InsufficientFunds"),
    ("-2010 would match", ccxt.OrderImmediatelyFillable, said(400, -2010, "Order would immediately match"), "Other"),
    ("-2010 closed", ccxt.MarketClosed, said(400, -2010, "Market is closed."), "MarketClosed"),
    ("-1013 LOT_SIZE", ccxt.InvalidOrder, said(400, -1013, "Filter failure: LOT_SIZE"), "Filter"),
    ("-1013 PRICE_FILTER", ccxt.InvalidOrder, said(400, -1013, "Filter failure: PRICE_FILTER"), "Filter"),
    ("-1013 PERCENT_PRICE", ccxt.InvalidOrder, said(400, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"), "Filter"),
    ("-1013 NOTIONAL", ccxt.BadRequest, said(400, -1013, "Filter failure: NOTIONAL"), "Filter"),
    ("-1013 MAX_NUM_ORDERS", ccxt.BadRequest, said(400, -1013, "Filter failure: MAX_NUM_ORDERS"), "Filter"),
    ("-1121", ccxt.BadSymbol, said(400, -1121, "Invalid symbol."), "Other"),
    ("-2011", ccxt.OrderNotFound, said(400, -2011, "Unknown order sent."), "Other"),
    ("maintenance", ccxt.OnMaintenance, said(503, text='{"msg":"System is under maintenance."}'), MaintenanceError),
    ("-1016", ccxt.OnMaintenance, said(503, -1016, "This service is no longer available."), MaintenanceError),
    ("other: funds", ccxt.InsufficientFunds, said(200, text='{"retCode":170131}'), "InsufficientFunds"),
    ("other: twin", ccxt.DuplicateOrderId, said(400, text='{"code":"51016"}'), "Duplicate"),
    ("other: new error", ccxt.ExchangeError, said(400, text='{"error":"EGeneral"}'), OutcomeUnknownError),
]


@pytest.mark.parametrize(("exception", "answer", "wanted"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_each_row_of_the_table(exception, answer, wanted):
    meaning = classify(exception("binance POST https://api/order?signature=SECRET"), answer)
    if isinstance(wanted, str):
        assert (OrderRejectedError, wanted) == (type(meaning), meaning.code)
    else:
        assert wanted is type(meaning)
    if wanted is RateLimitedError:
        assert 7.0 == meaning.retry_after_s
    assert "SECRET" not in str(meaning)


def caused(exception, cause):
    exception.__cause__ = cause
    return exception


@pytest.mark.parametrize(
    ("exception", "wanted"),
    [
        (caused(ccxt.RequestTimeout("x"), TimeoutError()), OutcomeUnknownError),
        (caused(ccxt.RequestTimeout("x"), aiohttp.ConnectionTimeoutError()), ExchangeUnavailableError),
        (caused(ccxt.ExchangeNotAvailable("x"), aiohttp.ClientOSError(104, "reset")), OutcomeUnknownError),
        (caused(ccxt.ExchangeNotAvailable("x"), aiohttp.ServerDisconnectedError()), OutcomeUnknownError),
        (caused(ccxt.ExchangeError("x"), aiohttp.ClientPayloadError("cut")), OutcomeUnknownError),
        (caused(ccxt.ExchangeNotAvailable("x"), OSError()), OutcomeUnknownError),
        (ccxt.InvalidOrder("amount below the step"), OrderRejectedError),
        (ccxt.AuthenticationError("requires apiKey"), CredentialsRefusedError),
        (ValueError("x"), OutcomeUnknownError),
    ],
)
def test_without_an_answer_only_a_connection_that_never_was_means_that_nothing_was_sent(exception, wanted):
    assert wanted is type(classify(exception, None))


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0", 1.0), ("soon", 10.0), ("nan", 259_200.0), ("1e99", 259_200.0), (None, 10.0)]
)
def test_how_long_to_be_quiet(header, seconds):
    meaning = classify(ccxt.DDoSProtection("x"), said(429, headers={} if header is None else {"retry-after": header}))
    assert seconds == meaning.retry_after_s


def test_an_order_is_unknown_to_the_exchange_only_if_it_says_so():
    assert not_found(ccxt.OrderNotFound("x"), said(400, -2013, "Order does not exist."))
    assert not_found(ccxt.OrderNotFound("x"), said(200, text='{"retCode":110001}'))
    assert not not_found(ccxt.OrderNotFound("x"), said(502, text=PAGE))
    assert not not_found(ccxt.OrderNotFound("x"), said(400, -1000, "unknown"))
    assert not not_found(ccxt.OrderNotFound("x"), said(404, text=PAGE))
    assert not not_found(ccxt.OrderNotFound("x"), None)
