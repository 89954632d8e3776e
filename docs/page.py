"""Draw the picture of the page that `promlatest serve` has at /: docs/serve/page.png.

It needs Debian's chromium and chromium-driver, and the dependency group `real`; `make
page` sees to both.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

from selenium import webdriver

PICTURE = Path(__file__).parent / "serve" / "page.png"
ASKED = "topk(4, sum by (controller, result) (controller_runtime_reconcile_total))"


def draw(url: str) -> None:
    """Ask a question in the page at a URL, and keep what a browser shows."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(word)
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    browser = webdriver.Chrome(options=options, service=service)
    try:
        browser.set_window_size(1000, 800)
        browser.get(f"{url}/?query={quote(ASKED)}")
        PICTURE.parent.mkdir(exist_ok=True)
        browser.save_screenshot(str(PICTURE))
    finally:
        browser.quit()


def main() -> None:
    """Serve the demo and a target that is down, and draw."""
    words = ["serve", "--port", "0", "--demo", "127.0.0.1:1", "--interval", "1"]
    command = [sys.executable, "-m", "promlatest", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        while b"controller_runtime" not in urlopen(f"{url}/metrics").read():
            time.sleep(0.2)
        draw(url)
        process.terminate()


if __name__ == "__main__":
    main()
