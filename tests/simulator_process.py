"""The simulated exchange as a process of its own, an account on it, and how requests are signed over a socket."""

import hashlib
import hmac
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from bot_world import answers, wait_for
from free_ports import free_port

KEY, SECRET = "test-key", "test-secret"
ACCOUNT = {"main": {"balances": {"USDT": "100000", "BTC": "2"}, "keys": [{"key": KEY, "secret": SECRET}]}}
BUY = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01000"}


class Server:
    """A simulator's process."""

    def __init__(self, folder, *arguments, command=(sys.executable, "-m", "tradewind_simulator")):
        self.rest, self.control = free_port(), free_port()
        options = ["--port", str(self.rest), "--control-port", str(self.control), "--state-dir", str(folder)]
        self.process = subprocess.Popen([*command, *options, *arguments], stdout=subprocess.DEVNULL)
        wait_for(lambda: answers(f"http://127.0.0.1:{self.control}/readyz"))

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.rest}/api/v3/{path}") as answer:
            return json.loads(answer.read())

    def error(self, path):
        with pytest.raises(urllib.error.HTTPError) as caught:
            self.get(path)
        with caught.value as answer:
            return answer.code, json.loads(answer.read())["code"]

    def put(self, path, content):
        request = urllib.request.Request(f"http://127.0.0.1:{self.control}/v1/{path}", content, method="PUT")
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())

    def delete(self, path):
        request = urllib.request.Request(f"http://127.0.0.1:{self.control}/v1/{path}", method="DELETE")
        try:
            with urllib.request.urlopen(request) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code

    def status(self):
        return json.loads(answers(f"http://127.0.0.1:{self.control}/v1/status"))

    def stop(self):
        self.process.terminate()
        return self.process.wait(5)

    def ask_control(self, method, path, content=None):
        """Return the JSON that the control port answers, whatever its status."""
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.control}/v1/{path}", data, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as exc:
            with exc:
                return json.loads(exc.read())


def signed(**params):
    """Return parameters as the exchange wants them signed: sorted by name."""
    params = {"apiKey": KEY, "timestamp": int(time.time() * 1000), **params}
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    return {**params, "signature": hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()}
