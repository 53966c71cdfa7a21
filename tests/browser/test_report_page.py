"""The page of a report as a person meets it: in a real browser, offline, by mouse and by keyboard, wide and on a phone."""

import pytest
from markets import market

from tradewind_api.document.resolve import template, with_parameters
from tradewind_engine.backtest.engine import run_backtest
from tradewind_engine.honesty.verdict import judge
from tradewind_engine.page.document import html_page

pytestmark = pytest.mark.browser
EVIL = "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=1'>"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    document = with_parameters(template("sma-crossover"), {"fast.period": 3, "slow.period": 12})
    report = run_backtest(document, {EVIL: market(3), "B/C": market(4)}, timeframe="1h")
    assert len(report.trades) > 30
    path = tmp_path_factory.mktemp("page") / "report.html"
    body = report.to_json() | judge(report).to_json() | {"warnings": [EVIL]}
    path.write_text(html_page(body, title=EVIL, candles=report.candles), encoding="utf-8")
    return path


@pytest.fixture(params=[(1280, 900), (390, 844)], ids=["wide", "phone"])
def page(browser, file, request):
    """The page without a network; what it logs or asks for fails the test."""
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True)
    found = context.new_page()
    said, asked = [], []
    found.on("console", lambda message: said.append(message.text))
    found.on("pageerror", lambda error: said.append(str(error)))
    found.on("request", lambda request: asked.append(request.url))
    found.goto(file.as_uri())
    yield found
    assert ([], [file.as_uri()]) == (said, asked)
    context.close()


def test_what_names_contain_does_not_run(page):
    """They are shown as they are."""
    assert page.evaluate("window.hacked") is None
    assert EVIL == page.locator("h1").inner_text()


def test_nothing_is_wider_than_the_screen(page):
    """Tables scroll in their own place."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_trade_is_shown_in_the_chart_and_back(page):
    """The button of a row brings the chart to the trade, and says it in words; a click on its mark chooses it in the table."""
    page.locator("#trades tr button").nth(2).click()
    assert page.locator("#told").inner_text().startswith("Trade 3: bought at")
    assert "1h candles" in page.locator("#drawn").inner_text()
    assert "3" == page.locator("#trades tr.chosen td").first.inner_text()


def test_the_list_is_sorted_and_turned_by_the_page(page):
    """By profit, then the other way; the next page has other trades."""
    page.get_by_role("button", name="Profit").click()
    assert "ascending" == page.locator("th[data-key=profit]").get_attribute("aria-sort")
    first = page.locator("#trades tr td.up, #trades tr td.down").first.inner_text()
    assert first.startswith("-")
    page.get_by_role("button", name="Profit").click()
    assert "descending" == page.locator("th[data-key=profit]").get_attribute("aria-sort")
    assert "page 1 of" in page.locator("#page").inner_text()
    page.get_by_role("button", name="Next").click()
    assert "page 2 of" in page.locator("#page").inner_text()


def test_the_chart_is_moved_by_keys(page):
    """Closer, later, and back to all of it."""
    whole = page.locator("#drawn").inner_text()
    page.locator("#candles").focus()
    page.keyboard.press("+")
    closer = page.locator("#drawn").inner_text()
    page.keyboard.press("ArrowRight")
    assert 3 == len({whole, closer, page.locator("#drawn").inner_text()})
    page.keyboard.press("Home")
    assert whole == page.locator("#drawn").inner_text()


def test_a_moment_is_read_from_both_curves(page):
    """The slider works by key and tells time, equity, buy and hold, and drawdown."""
    page.locator("#moment").focus()
    page.keyboard.press("Home")
    text = page.locator("#readout").inner_text()
    assert "equity 10,000.00" in text
    assert "below the peak 0.0 %" in text


def test_a_trade_without_its_candles_is_shown_in_wide_ones(browser, tmp_path):
    """30,000 candles are too many for the file: most trades lie in wide ones, at least 24 of them, and the page says so."""
    document = with_parameters(template("sma-crossover"), {"fast.period": 3, "slow.period": 12})
    report = run_backtest(document, {"A/B": market(5, count=30_000)}, timeframe="1h")
    (tmp_path / "report.html").write_text(html_page(report.to_json(), title="long", candles=report.candles), encoding="utf-8")
    found = browser.new_page()
    found.goto((tmp_path / "report.html").as_uri())
    texts = []
    for number in range(10):
        found.locator("#trades tr button").nth(number).click()
        texts.append(found.locator("#drawn").inner_text())
    found.close()
    assert any("around the trades with the largest profits and losses only" in text for text in texts)


def test_light_and_dark(page):
    """The button changes the page's own colours."""
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("#theme").click()
    assert before != page.evaluate("getComputedStyle(document.body).backgroundColor")
