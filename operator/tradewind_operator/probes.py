"""/livez, /readyz and /metrics."""

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from tradewind_operator.operate import Operator

STALE_S = 400.0  # a watch is renewed after 300 s at the latest


def application(operator: Operator) -> web.Application:
    """Return the small web application of the process."""

    async def livez(_: web.Request) -> web.Response:
        stale = operator.synced and operator.watch_age() > STALE_S
        return web.Response(text="stale watch" if stale else "ok", status=500 if stale else 200)

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ok" if operator.synced else "not synced", status=200 if operator.synced else 503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app


async def serve(operator: Operator, port: int) -> web.AppRunner:
    """Serve on all addresses of the pod; the caller cleans the runner up."""
    runner = web.AppRunner(application(operator), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", port).start()  # noqa: S104 - the pod's own address
    return runner
