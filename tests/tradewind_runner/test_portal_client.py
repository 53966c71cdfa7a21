"""The portal's client on real sockets: whom it gives its token, and portals that are older or newer than the pod."""

import contextlib

import pytest
from aiohttp import web

from tradewind_api.runner import LeaseRequest, StartRequest
from tradewind_runner.portal import PortalClient, PortalUnavailableError

HELLO = StartRequest(generation=1, strategy_digest="d", runner_version="0")
BEAT = LeaseRequest(epoch=1, trading=True, unacknowledged_events=0)
INTENT = {"clientOrderId": "a1", "symbol": "BTC/USDT", "side": "buy", "amount": "1", "candleOpenMs": 1, "reason": "Entry"}
HELD = {"amount": "1", "cost": "2"}
OLDER = {"epoch": 3, "leaseSeconds": 900, "state": {"cash": "5", "positions": {"BTC/USDT": HELD}}}
NEWER = OLDER | {
    "ofTheFuture": {"a": 1},
    "state": {
        "cash": "5",
        "ofTheFuture": 1,
        "positions": {"BTC/USDT": HELD | {"ofTheFuture": 1}},
        "openIntents": {"a1": INTENT | {"ofTheFuture": 1}},
    },
}


@contextlib.asynccontextmanager
async def serving(answer):
    """Yield the address of a server that gives this answer to everything, and the requests that it has got."""
    asked = []

    async def handle(request):
        asked.append((request.path, request.headers.get("Authorization")))
        return answer()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}", asked
    await runner.cleanup()


@pytest.fixture
def token(tmp_path):
    (tmp_path / "token").write_text("pod-token\n")
    return tmp_path / "token"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("elsewhere", [True, False])
async def test_the_token_goes_nowhere_that_an_answer_points_to(token, status, elsewhere):
    """To another address or another path: nothing is asked there, and the portal counts as away."""
    async with serving(lambda: web.json_response(OLDER)) as (other, asked_there):
        place = f"{other}/runner/v1/start" if elsewhere else "/other"
        async with (
            serving(lambda: web.Response(status=status, headers={"Location": place})) as (here, asked),
            PortalClient(here, token) as portal,
        ):
            with pytest.raises(PortalUnavailableError, match=str(status)):
                await portal.start(HELLO)
    assert ([("/runner/v1/start", "Bearer pod-token")], []) == (asked, asked_there)


@pytest.mark.parametrize("body", [OLDER, NEWER], ids=["older", "newer"])
async def test_a_start_is_understood_from_an_older_and_from_a_newer_portal(token, body):
    """What the older one does not say has its default, what the newer one says besides is passed over, at any depth."""
    async with serving(lambda: web.json_response(body)) as (here, _), PortalClient(here, token) as portal:
        answer = await portal.start(HELLO)
    assert (3, 5, 1, {}) == (answer.epoch, answer.state.cash, answer.state.positions["BTC/USDT"].amount, answer.state.leaving)
    assert [] == answer.kill


async def test_a_heartbeat_is_answered_by_a_newer_portal(token):
    """Otherwise each upgrade would let the leases of all bots run out."""
    newer = {"leaseSeconds": 900, "kill": ["bot"], "ofTheFuture": 1}
    async with serving(lambda: web.json_response(newer)) as (here, _), PortalClient(here, token) as portal:
        assert ["bot"] == (await portal.lease(BEAT)).kill


@pytest.mark.parametrize(
    ("kill", "heard"),
    [
        (["galaxy"], ["galaxy"]),
        (["bot", "galaxy"], ["bot", "galaxy"]),
        ([{"scope": "region"}], ["unreadable"]),
        (["\n" * 9], ["unreadable"]),
        ("platform", ["platform"]),
        (True, ["unreadable"]),
        (None, ["unreadable"]),
        ({}, ["unreadable"]),
        ([], []),
    ],
)
async def test_a_kill_switch_of_a_newer_portal_is_on_whatever_it_is_called(token, kill, heard):
    """And the lease is renewed, so that its name is the reason that the trader reads, and not that the portal is lost."""
    body = {"leaseSeconds": 900, "kill": kill}
    async with serving(lambda: web.json_response(body)) as (here, _), PortalClient(here, token) as portal:
        answer = await portal.lease(BEAT)
    assert (900, heard) == (answer.lease_seconds, answer.kill)


@pytest.mark.parametrize("body", [{"kill": []}, {"leaseSeconds": "long"}, {"leaseSeconds": 900, "closeNow": "perhaps"}])
async def test_an_answer_that_does_not_make_sense_is_none(token, body):
    """It may forbid anything: the lease is not renewed by it."""
    async with serving(lambda: web.json_response(body)) as (here, _), PortalClient(here, token) as portal:
        with pytest.raises(PortalUnavailableError, match="not understood"):
            await portal.lease(BEAT)
