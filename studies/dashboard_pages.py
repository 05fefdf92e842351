"""The pages of optuna-dashboard as a browser shows them, for the README: three pictures.

Runs the example of the README, publishes its study, and looks at it in Chromium:
``python studies/dashboard_pages.py --folder studies/figures``. Wants playwright and Chromium.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import os
import runpy
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from optuna_bisect.dashboard import publish

if TYPE_CHECKING:
    from collections.abc import Iterator

    import optuna

EXAMPLE = Path(__file__).parent / "examples" / "quickstart.py"
START_SECONDS = 60
WIDTH, HEIGHT = 1280, 860
TALL, NOTE_HEIGHT, CARD_HEIGHT = 3600, 640, 480
FIRST_WITHOUT_TABLE = (0, 21)
# Titles of the cards, in the order in which the dashboard shows them.
FIGURES = (
    "How the bracket closed",
    "How the rate moved in the final trial",
    "Loss curves by verdict",
    "Loss over the rate",
)


@contextlib.contextmanager
def serve(storage: str) -> Iterator[str]:
    """Run optuna-dashboard on a free local port; give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [Path(sys.executable).parent / "optuna-dashboard", storage]
    with subprocess.Popen(  # noqa: S603
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(f"{address}/api/studies")
            yield f"{address}/dashboard/studies/1"
        finally:
            process.terminate()


def wait_for(url: str) -> None:
    """Wait until a server answers."""
    end = time.monotonic() + START_SECONDS
    while not answers(url):
        if time.monotonic() > end:
            raise TimeoutError(f"nothing answers at {url}")
        time.sleep(0.1)


def answers(url: str) -> bool:
    """Say whether a server answers."""
    try:
        urllib.request.urlopen(url).close()  # noqa: S310 (our own server)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Open a page of Chromium."""
    with sync_playwright() as playwright:
        options = {"executable_path": shutil.which("chromium"), "args": ["--no-sandbox"]}
        opened = playwright.chromium.launch(**options)
        yield opened.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        opened.close()


def show(page: Any, address: str, text: str) -> None:
    """Open an address and wait until a text is there, and every figure is drawn."""
    page.goto(address)
    page.get_by_text(text).first.wait_for(timeout=60_000)
    page.wait_for_load_state("networkidle")


def table_address(study: str) -> str:
    """Return where the table of trials is: 0.21 shows it below the figures of another page."""
    version = tuple(map(int, importlib.metadata.version("optuna-dashboard").split(".")[:2]))
    return f"{study}/{'trialTable' if version < FIRST_WITHOUT_TABLE else 'smartSelection'}"


def take_figures(page: Any, address: str, file: Path, titles: tuple[str, ...] = FIGURES) -> None:
    """Take a picture of the study's figures, on a screen so tall that nothing scrolls."""
    page.set_viewport_size({"width": WIDTH, "height": TALL})
    show(page, address, FIGURES[0])
    cards = [page.get_by_text(title).first for title in titles]
    for card in cards:
        card.wait_for()
    page.wait_for_timeout(2_000)  # plotly draws when its card is there
    tops = [card.bounding_box()["y"] for card in cards]
    height = max(tops) - min(tops) + CARD_HEIGHT
    region = {"x": 64, "y": min(tops) - 20, "width": WIDTH - 80, "height": height}
    page.screenshot(path=file, clip=region)
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


def take(page: Any, address: str, probe: int, folder: Path) -> None:
    """Take the pictures: the study's figures, its note, and the note of a probe."""
    take_figures(page, address, folder / "dashboard_figures.png")
    show(page, f"{address}/note", "How to read this")
    region = {"x": 0, "y": 0, "width": WIDTH, "height": NOTE_HEIGHT}
    page.screenshot(path=folder / "dashboard_note.png", clip=region)
    show(page, f"{address}/trials?numbers={probe}", "Written by optuna_bisect")
    page.screenshot(path=folder / "dashboard_trial.png")


def run_example() -> tuple[str, optuna.Study]:
    """Run the example of the README in an empty folder; give its storage and its study."""
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    study = runpy.run_path(str(EXAMPLE))["study"]
    return f"sqlite:///{folder}/quickstart.db", study


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent / "figures")
    target = parser.parse_args().folder.resolve()
    storage, study = run_example()
    publish(study)
    # The last probe was stopped beside the winner: two curves to look at.
    number = len(study.trials) - 2
    with serve(storage) as address, browser() as page:
        take(page, address, number, target)
