"""Look at the built site as a reader does: every page in a browser, on a telephone and a desk.

``nox -s docs site`` builds and checks it; by hand it is ``python docs/check.py``, with
``--screenshots FOLDER`` for what there is to look at. It takes playwright and a Chromium of the
system (Debian's ``chromium``), and no network.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urldefrag, urljoin

from playwright.sync_api import Browser, Page, sync_playwright

HTML = Path(__file__).parent / "_build" / "html"
WIDTHS = {"phone": 390, "desktop": 1280}
# Words that a reader may look for, and a page on which they are found.
SEARCHES = {
    "perplexity": "relative-entropy", "GRPO": "rlhf", "padding": "masks",
    "Cam": "triangular_discrimination", "Topsøe": "js_divergence", "Kagan": "chi2_divergence",
}  # fmt: skip

# Of a page, so many pixels are in its picture.
TALLEST = 6000

# What is wrong with a page, asked of the page itself.
FAULTS = """() => {
    const found = [];
    const width = document.documentElement.clientWidth;
    const scrolls = one => one && one.tagName !== "ARTICLE" &&
        (/auto|scroll/.test(getComputedStyle(one).overflowX) || scrolls(one.parentElement));
    const wide = one => one.getBoundingClientRect().right > width + 1;
    const named = one => `${one.tagName} ${one.textContent.replace(/\\s+/g, " ").slice(0, 60)}`;
    for (const one of document.querySelectorAll("article, article *"))
        if (wide(one) && !wide(one.parentElement) && !scrolls(one))
            found.push(`wider than the screen: ${named(one)}`);
    const none = one => one.getBoundingClientRect().width === 0 && one.checkVisibility();
    for (const image of document.images)
        if (!image.complete || image.naturalWidth === 0)
            found.push(`no picture: ${image.getAttribute("src").slice(0, 80)}`);
        else if (!image.alt)
            found.push(`no words for a picture: ${image.getAttribute("src").slice(0, 80)}`);
    const formulas = document.querySelectorAll("math");
    for (const formula of formulas)
        if (none(formula) || formula.querySelector("merror"))
            found.push(`no formula: ${formula.textContent}`);
    if (formulas.length && ![...document.fonts].some(
            font => font.family.includes("STIX") && font.status === "loaded"))
        found.push("formulas without their font");
    for (const table of document.querySelectorAll("table"))
        if (none(table) || !table.rows.length)
            found.push(`no table: ${table.textContent.slice(0, 80)}`);
    return found;
}"""
LINKS = "() => [...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))"
NAMES = "() => [...document.querySelectorAll('[id]')].map(one => one.id)"


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Check every page, and say what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--screenshots", type=Path, help="a folder for pictures of all pages")
    chosen = parser.parse_args()
    if not (HTML / "index.html").exists():
        sys.exit("there is no site: nox -s docs builds it")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=HTML))
    Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_port}/"
    with sync_playwright() as playwright:
        # Chromium's sandbox does not start for root.
        options = ["--no-sandbox"] if getattr(os, "geteuid", int)() == 0 else []
        browser = playwright.chromium.launch(executable_path=_chromium(), args=options)
        faults = list(_faults(browser, root, chosen.screenshots))
        browser.close()
    pages = len(_pages())
    print(*faults, f"{pages} pages, {len(faults)} faults", sep="\n")
    sys.exit(bool(faults))


def _chromium() -> str:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not found:
        sys.exit("no Chromium: install one, or name it in the variable CHROMIUM")
    return found


def _pages() -> list[str]:
    every = (path.relative_to(HTML).as_posix() for path in HTML.rglob("*.html"))
    return sorted(name for name in every if not name.startswith(("_", "reports/")))


def _faults(browser: Browser, root: str, screenshots: Path | None) -> Iterator[str]:
    names: dict[str, set[str]] = {}
    links: dict[str, set[str]] = {}
    for device, width in WIDTHS.items():
        for theme in ("light", "dark") if screenshots else ("light",):
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=theme
            )
            page = context.new_page()
            said = _listen(page, root)
            for name in _pages():
                page.goto(root + name, wait_until="load")
                page.evaluate("document.fonts.ready")
                for fault in [*page.evaluate(FAULTS), *said]:
                    yield f"{name}, {device}: {fault}"
                said.clear()
                names[name] = set(page.evaluate(NAMES))
                links[name] = set(page.evaluate(LINKS))
                if screenshots:
                    stem = name.removesuffix(".html").replace("/", "-")
                    to = screenshots / f"{stem}-{device}-{theme}.png"
                    page.screenshot(path=to, full_page=True, clip=_top(page, width))
            for word, where in SEARCHES.items():
                yield from _search(page, root, word, where)
            context.close()
    yield from _broken(root, names, links)


def _top(page: Page, width: int) -> dict[str, int]:
    """What is worth a picture: of long tables not all."""
    height = page.evaluate("document.documentElement.scrollHeight")
    return {"x": 0, "y": 0, "width": width, "height": min(height, TALLEST)}


def _listen(page: Page, root: str) -> list[str]:
    """What the page will have said: errors, and what it wanted of elsewhere."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(f"script: {error}"))
    page.on(
        "console",
        lambda line: said.append(f"console: {line.text}") if line.type == "error" else None,
    )
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((root, "data:"))
            else said.append(f"asked elsewhere: {request.url}")
        ),
    )
    page.on(
        "response",
        lambda answer: (
            said.append(f"{answer.status}: {answer.url}") if answer.status >= 400 else None
        ),
    )
    return said


def _search(page: Page, root: str, word: str, where: str) -> Iterator[str]:
    page.goto(f"{root}search.html?q={word}", wait_until="load")
    try:
        page.wait_for_selector(f"#search-results li a[href*='{where}']", timeout=10_000)
    except Exception as error:  # noqa: BLE001 - of playwright's, all say that it is not there
        yield f"search for {word}: {where} is not found ({type(error).__name__})"


def _broken(root: str, names: dict[str, set[str]], links: dict[str, set[str]]) -> Iterator[str]:
    for name, targets in links.items():
        for target in sorted(targets):
            path, anchor = urldefrag(urljoin(root + name, target))
            if not path.startswith(root):
                continue
            file = unquote(path.removeprefix(root)) or "index.html"
            if not (HTML / file).exists():
                yield f"{name}: no file for {target}"
            elif anchor and file in names and unquote(anchor) not in names[file]:
                yield f"{name}: no place for {target}"


if __name__ == "__main__":
    main()
