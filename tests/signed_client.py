"""A client of the simulated exchange that signs its requests and hides nothing of the answer."""

import hashlib
import hmac
import http.client
import json
import time
from urllib.parse import urlencode

KEY, SECRET = "k" * 64, "s" * 64


def account(**balances):
    """Return what makes an account with one key that may read and trade."""
    return {"balances": balances, "keys": [{"key": KEY, "secret": SECRET}]}


class SignedClient:
    """One connection, made anew after each fault."""

    def __init__(self, port, key=KEY, secret=SECRET, timeout=10):
        self.port, self.key, self.secret, self.timeout = port, key, secret, timeout

    def ask(self, method, path, *, sign=True, in_body=None, **params):
        """Return status, headers and body of a request, which is made with the signature of exactly these parameters."""
        if sign and "timestamp" not in params:
            params["timestamp"] = int(time.time() * 1000)
        text = urlencode({name: value for name, value in params.items() if value is not None})
        if sign:
            text += "&signature=" + hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        in_body = method == "POST" if in_body is None else in_body
        target = path if in_body else f"{path}?{text}"
        headers = {"Content-Type": "application/x-www-form-urlencoded"} | ({"X-MBX-APIKEY": self.key} if self.key else {})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        try:
            connection.request(method, target, text if in_body else None, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read()
        finally:
            connection.close()

    def json(self, method, path, **params):
        """Return status and JSON of an answer."""
        status, _, body = self.ask(method, path, **params)
        return status, json.loads(body)

    def order(self, **params):
        """Place a limit order to buy, or whatever else is named; None takes a parameter away."""
        wanted = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
        return self.json("POST", "/api/v3/order", **(wanted | params))
