"""The lines of an account over real sockets: what is written once, on which connection, and what counts as its answer.

The server is a thread with plain sockets, so that it can hang up while our loop does not look.
"""

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from scripted_http import ScriptedExchange

from tradewind_api.ledger import Intended
from tradewind_api.runner import ExchangeConfig, ExchangeCredential
from tradewind_engine.trading.identity import client_order_id
from tradewind_runner.brokers import lines as lines_module
from tradewind_runner.brokers.ccxt import CcxtBroker
from tradewind_runner.brokers.errors import OutcomeUnknownError
from tradewind_runner.brokers.lines import Lines
from tradewind_runner.brokers.port import at_once
from tradewind_runner.exchange_clock import ExchangeClock

pytestmark = pytest.mark.slow
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"


class Server:
    """Answers each request with what `answer` says; None is to hang up without a word."""

    def __init__(self):
        self.requests, self.connections, self.answer = [], [], lambda _number: OK
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError):
            while head := connection.recv(65_536):
                self.requests.append(head)
                answer = self.answer(len(self.requests))
                if answer is None:
                    connection.close()
                    return
                connection.sendall(answer)

    def say(self, data):
        """Send something that nobody asked for, while our loop does not look."""
        self.connections[-1].sendall(data)
        time.sleep(0.05)

    def hang_up(self):
        self.connections[-1].shutdown(socket.SHUT_RDWR)
        time.sleep(0.05)

    def close(self):
        for connection in self.connections:
            connection.close()
        self._listening.close()


@contextlib.asynccontextmanager
async def talking():
    server, lines = Server(), Lines()

    async def ask(method="POST", path="/order", headers=None, body="a=1", leave=at_once, seconds=2.0):
        return await lines.ask(method, server.url + path, headers or {}, body, leave=leave, seconds=seconds)

    try:
        yield server, ask
    finally:
        await lines.close()
        server.close()


async def test_a_request_is_one_piece_of_http_on_a_line_that_is_kept():
    async with talking() as (server, ask):
        assert [(200, "{}"), (200, "{}")] == [
            (reply.status, reply.text) for reply in [await ask(), await ask("GET", body=None)]
        ]
        assert 1 == len(server.connections)
        host = server.url.removeprefix("http://").encode()
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        first, *names = head.split(b"\r\n")
        assert (b"POST /order HTTP/1.1", b"a=1", b"Host: " + host) == (first, body, names[0])
        assert {b"Content-Length: 3", b"Accept: */*"} < set(names)
        assert b"Content-Length" not in server.requests[1]


async def test_an_order_is_not_written_to_a_line_whose_end_nobody_has_noticed_yet():
    async with talking() as (server, ask):
        await ask("GET", body=None)
        server.hang_up()
        assert 200 == (await ask()).status
        assert (2, 2) == (len(server.connections), len(server.requests))


async def test_an_order_is_not_written_to_a_line_that_ended_while_it_waited_for_the_disk():
    async with talking() as (server, ask):
        await ask("GET", body=None)
        waited = []

        async def disk():
            waited.append(1)
            if len(waited) == 1:
                server.hang_up()

        assert 200 == (await ask(leave=disk)).status
        assert (2, 2, 2) == (len(server.connections), len(server.requests), len(waited))


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_what_may_have_been_taken_is_never_written_again(method):
    async with talking() as (server, ask):
        await ask()
        server.answer = lambda _number: None
        with pytest.raises(aiohttp.ClientConnectionError):
            await ask(method)
        assert (1, 2) == (len(server.connections), len(server.requests))


async def test_a_question_whose_kept_line_ends_without_a_word_is_asked_again_and_one_on_a_new_line_is_not():
    async with talking() as (server, ask):
        server.answer = lambda number: None if number == 2 else OK
        await ask("GET", body=None)
        assert 200 == (await ask("GET", body=None)).status
        assert (2, 3) == (len(server.connections), len(server.requests))
    async with talking() as (server, ask):
        server.answer = lambda _number: None
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await ask("GET", body=None)
        assert 1 == len(server.requests)


@pytest.mark.parametrize("noticed", [True, False])
async def test_what_nobody_asked_for_is_nobody_s_answer(noticed):
    async with talking() as (server, ask):
        await ask()
        server.say(OK.replace(b"{}", b"[]"))
        if noticed:
            await asyncio.sleep(0.05)
        assert "{}" == (await ask()).text
        assert 2 == len(server.connections)


async def test_a_second_answer_to_one_request_is_nobody_s_answer():
    async with talking() as (server, ask):
        server.answer = lambda number: OK + OK.replace(b"{}", b"[]") if number == 1 else OK
        assert ["{}", "{}"] == [(await ask()).text, (await ask()).text]
        assert 2 == len(server.connections)


async def test_a_line_that_the_exchange_says_it_will_close_is_not_used_again():
    async with talking() as (server, ask):
        server.answer = lambda _number: OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")
        await ask()
        await ask()
        assert 2 == len(server.connections)


async def test_time_that_ends_before_a_byte_has_left_says_so():
    async with talking() as (server, ask):

        async def never():
            await asyncio.sleep(10)

        with pytest.raises(aiohttp.ConnectionTimeoutError):
            await ask(leave=never, seconds=0.1)
        assert [] == server.requests
        server.answer = lambda _number: b""
        with pytest.raises(TimeoutError) as late:
            await ask(seconds=0.2)
        assert not isinstance(late.value, aiohttp.ConnectionTimeoutError)


@pytest.mark.parametrize(
    "wrong", [{"path": "/a b"}, {"path": "/a\r\nX: 1"}, {"path": "/a#b"}, {"headers": {"X": "1\r\nY: 2"}}, {"path": "/ä"}]
)
async def test_no_second_request_is_smuggled_into_one(wrong):
    async with talking() as (server, ask):
        with pytest.raises(ValueError, match=r"."):
            await ask(**wrong)
        assert [] == server.requests


async def test_answers_are_unpacked_and_their_characters_read():
    import gzip

    packed = gzip.compress("ä".encode("latin-1"))
    head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/plain; charset=latin-1"
    head += f"\r\nContent-Length: {len(packed)}"
    async with talking() as (server, ask):
        server.answer = lambda _number: b"HTTP/1.1 100 Continue\r\n\r\n" + head.encode() + b"\r\n\r\n" + packed
        assert "ä" == (await ask()).text
        server.answer = lambda _number: b"SSH-2.0\r\n\r\n"
        with pytest.raises(aiohttp.ClientPayloadError):
            await ask()


async def test_orders_at_a_close_meet_lines_that_are_open():
    """The exchange, or we, may have let go of every line since the last candle; two symbols want two of them at once."""
    async with ScriptedExchange() as exchange:
        opened, served = [], exchange._runner.server.connection_made if exchange._runner.server else None
        assert served is not None
        exchange._runner.server.connection_made = lambda handler, transport: (opened.append(1), served(handler, transport))[1]
        config = ExchangeConfig(name="s", ccxt_id="binance", endpoint={"rest": f"http://127.0.0.1:{exchange.port}"})
        credential = ExchangeCredential(id="k", version=1, api_key="k", secret="s")
        broker = CcxtBroker(config, credential, ["BTC/USDT"], clock=ExchangeClock())
        try:
            await broker.connect()
            for line in [line for origin in broker._client._lines._origins.values() for line in origin.idle]:
                line._since -= lines_module.KEPT_S + 1
            before = len(opened)
            await broker.warm(2)
            assert before + 2 == len(opened)
            orders = [
                Intended(
                    client_order_id=client_order_id("uid", 1, number),
                    symbol="BTC/USDT",
                    side="buy",
                    amount=Decimal(1),
                    candle_open_ms=0,
                    reason="Entry",
                )
                for number in (1, 2)
            ]
            await asyncio.gather(*map(broker.place, orders))
            assert (before + 2, 2) == (len(opened), len(exchange.posts))
            exchange.script = ["reset"]
            with pytest.raises(OutcomeUnknownError):
                await broker.place(orders[0].model_copy(update={"client_order_id": client_order_id("uid", 1, 3)}))
            assert 3 == len(exchange.posts)
        finally:
            await broker.close()


def of_localhost(folder):
    """Return a server's TLS and the file that a client has to trust for it."""
    names, key = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), ec.generate_private_key(ec.SECP256R1())
    start = datetime.now(UTC) - timedelta(days=1)
    built = x509.CertificateBuilder().subject_name(names).issuer_name(names).public_key(key.public_key()).serial_number(1)
    built = built.not_valid_before(start).not_valid_after(start + timedelta(days=9))
    built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    file = folder / "both.pem"
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(key.private_bytes(*form) + built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(file)
    return own, file


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_line_is_tls_to_whom_we_trust_and_is_kept_as_well(tmp_path, monkeypatch, trusted):
    own, file = of_localhost(tmp_path)
    opened, asked = [], []

    async def serve(reader, writer):
        opened.append(1)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                asked.append(await reader.readuntil(b"\r\n\r\na=1"))
                writer.write(OK)

    if trusted:
        monkeypatch.setattr(lines_module, "secure_context", lambda: ssl.create_default_context(cafile=file))
    lines, server = Lines(), await asyncio.start_server(serve, "127.0.0.1", 0, ssl=own)
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}/order"
    try:
        if trusted:
            for _ in range(3):
                assert "{}" == (await lines.ask("POST", url, {}, "a=1", leave=at_once, seconds=2)).text
                await asyncio.sleep(0.02)
            assert (1, 3) == (len(opened), len(asked))
        else:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await lines.ask("POST", url, {}, "a=1", leave=at_once, seconds=2)
            assert [] == asked
    finally:
        await lines.close()
        server.close()


async def test_a_line_that_is_opened_beforehand_leaves_the_clock_the_better_reading_that_it_had(tmp_path, monkeypatch):
    """The question that opens it takes TLS along: half a second, of which the answer may be any moment."""
    own, file = of_localhost(tmp_path)
    opened = []

    async def serve(reader, writer):
        opened.append(1)
        writer.transport.pause_reading()  # what the client says of TLS waits
        await asyncio.sleep(0.5)
        await writer.start_tls(own)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                body = f'{{"serverTime": {int(time.time() * 1000)}}}'.encode()
                writer.write(OK.replace(b": 2", f": {len(body)}".encode()).replace(b"{}", body))

    monkeypatch.setattr(lines_module, "secure_context", lambda: ssl.create_default_context(cafile=file))
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    there = {"rest": f"https://localhost:{server.sockets[0].getsockname()[1]}"}
    clock, credential = ExchangeClock(), ExchangeCredential(id="k", version=1, api_key="a", secret="b")
    broker = CcxtBroker(ExchangeConfig(name="s", ccxt_id="binance", endpoint=there), credential, ["BTC/USDT"], clock=clock)
    try:
        await broker.warm(1)
        at_first = clock.error_ms()
        await broker.warm(1)  # on the same line, by a mere question
        known = vars(clock).copy()
        assert (1, True) == (len(opened), clock.error_ms() < at_first)
        monkeypatch.setattr(lines_module, "KEPT_S", 0)
        await broker.warm(1)
        assert (2, known) == (len(opened), vars(clock))
    finally:
        await broker.close()
        server.close()
