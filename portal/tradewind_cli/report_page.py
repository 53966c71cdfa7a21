"""A report as an HTML file: written where a person wants it, and opened in the browser."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tradewind_cli.output import EXIT_USAGE, fail


def check_target(html: Path | None, *inputs: str | Path) -> None:
    """End the program where `html` cannot be written, or is one of the inputs; before anything has run."""
    if html is None:
        return
    if html.is_dir():
        fail(f"--html {html}: this is a folder; name a file in it", code=EXIT_USAGE)
    if not html.parent.is_dir():
        fail(f"--html {html}: there is no folder {html.parent}", code=EXIT_USAGE)
    if any(html.exists() and Path(one).exists() and html.samefile(one) for one in inputs):
        fail(f"--html {html}: this is an input; it would be lost", code=EXIT_USAGE)


def deliver(
    report: Mapping[str, Any], *, title: str, candles: Mapping[str, Any] | None, html: Path | None, open_: bool
) -> None:
    """Write the page to `html`, or with `open_` alone to a temporary file; then open it. Tells where it is on stderr."""
    if html is None and not open_:
        return
    import tempfile  # noqa: PLC0415 - only those who ask for a page wait for all this
    import webbrowser  # noqa: PLC0415

    from tradewind_engine.page.document import html_page  # noqa: PLC0415

    missing = [key for key in ("equityCurve", "buyAndHoldCurve", "drawdownCurve") if key not in report]
    if missing:
        fail(f"this report has no {', '.join(missing)}: it was made by an older version; run the back-test again")
    text = html_page(report, title=title, candles=candles)
    try:
        if html is None:
            handle, name = tempfile.mkstemp(prefix="tradewind-", suffix=".html")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            html = Path(name)
        else:
            _write(html, text)
    except OSError as exc:
        fail(f"cannot write the page: {exc.strerror}: {html or tempfile.gettempdir()}")
    sys.stderr.write(f"page: {html}\n")
    if open_ and not webbrowser.open(html.resolve().as_uri()):
        sys.stderr.write("no browser was found here: open the file yourself, or name a browser in BROWSER\n")


def _write(target: Path, text: str) -> None:
    """Write all of a page or nothing: a full disk leaves the page that was there before."""
    if target.exists() and not target.is_file():  # such as /dev/stdout
        target.write_text(text, encoding="utf-8")
        return
    target = target.resolve()
    part = target.with_name(f"{target.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(target)
    except OSError:
        part.unlink(missing_ok=True)
        raise
