"""Make docs/demo-report.png, the first screen of the report that `observers demo` writes, with headless Chromium.

observers demo && python benchmarks/demo_screenshot.py demo/report/index.html
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT = 1400, 1000  # CSS pixels
MAX_BYTES = 200_000
N_COLORS = 64


def main() -> None:
    """Make the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("page", type=Path, help="index.html of the report")
    parser.add_argument("--out", type=Path, default=Path("docs/demo-report.png"), help="(default: %(default)s)")
    options = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        parser.error("Chromium is not installed")
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "page.png"
        subprocess.run(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}",
             f"--window-size={WIDTH},{HEIGHT}", "--virtual-time-budget=5000", f"--screenshot={picture}",
             options.page.resolve().as_uri()],
            check=True, capture_output=True, timeout=300,
        )  # fmt: skip
        with Image.open(picture) as image:
            image.convert("RGB").quantize(N_COLORS, dither=Image.Dither.NONE).save(options.out, optimize=True)
    size = options.out.stat().st_size
    print(f"{options.out}: {size:,} bytes")
    if size > MAX_BYTES:
        raise SystemExit(f"{options.out} is larger than {MAX_BYTES:,} bytes")


if __name__ == "__main__":
    main()
