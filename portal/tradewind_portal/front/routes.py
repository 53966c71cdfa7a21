"""The page at `/`: what answers here and how to log in, for whoever opens the address in a browser."""

from html import escape

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from tradewind_portal import VERSION

# No script, style or picture: the content security policy of all answers allows none.
PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Tradewind</title>
<h1>Tradewind {version}</h1>
<p>The portal of a trading platform. It has no pages to work with yet: traders use the command line tool <code>tw</code>,
or the API.</p>
<h2>Log in</h2>
<pre>tw login USER --url {url}
tw bots ls
tw --help</pre>
<p>Whoever runs this platform gives out users and passwords; for a local one, <code>make up</code> prints them.</p>
<h2>The API</h2>
<ul>
<li><a href="/api/v1/openapi.json">/api/v1/openapi.json</a>: every operation under <code>/api/v1</code>, as OpenAPI</li>
<li><a href="/readyz?verbose">/readyz?verbose</a>: whether the portal is well</li>
<li><a href="/version">/version</a>: what runs</li>
</ul>
</html>
"""

router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def front(request: Request) -> HTMLResponse:
    """Say what is here."""
    url = str(request.base_url).rstrip("/")
    return HTMLResponse(PAGE.format(version=escape(VERSION), url=escape(url)))
