"""The page at the portal's address."""

import re

import pytest
from portal_double import Running

from tradewind_portal import VERSION

pytestmark = pytest.mark.slow


async def test_the_address_says_what_is_there_and_how_to_log_in_to_it(portal: Running):
    """Without a login, and each of its links has an answer."""
    page = await portal.public.get("/")
    assert (200, "text/html; charset=utf-8") == (page.status_code, page.headers["Content-Type"])
    assert f"Tradewind {VERSION}" in page.text
    assert f"tw login USER --url {str(portal.public.base_url).rstrip('/')}\n" in page.text
    links = re.findall(r'href="([^"]+)"', page.text)
    assert links
    for link in links:
        assert 200 == (await portal.public.get(link)).status_code, link


async def test_the_page_holds_what_every_answer_holds_and_needs_no_more(portal: Running):
    """The policy that forbids scripts, styles and pictures stands on it too, and it has none."""
    page, other = await portal.public.get("/"), await portal.public.get("/version")
    for name in ("Content-Security-Policy", "Cache-Control", "X-Content-Type-Options", "Referrer-Policy"):
        assert other.headers[name] == page.headers[name]
    assert not re.search(r"<(script|style|img|link)|style=|\son\w+=", page.text)


async def test_the_address_that_was_asked_for_is_shown_as_text_whatever_it_is(portal: Running):
    """The name of the host comes from the asker."""
    page = await portal.public.get("/", headers={"Host": '"><script>alert(1)</script>'})
    assert "<script>" not in page.text


async def test_pods_are_shown_no_page(portal: Running):
    """Nobody browses the runner side."""
    assert 404 == (await portal.internal.get("/")).status_code
