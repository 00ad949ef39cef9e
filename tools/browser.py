"""Install the browser that tests drive: Debian's Chromium.

Where it is there already nothing is done. Who is not root is told what to do.

Usage: python tools/browser.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import Final

PACKAGE: Final = "chromium"


def main() -> int:
    """Find or install the browser; print where it is."""
    found = shutil.which(PACKAGE)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (("update",), ("install", "--yes", "--no-install-recommends", PACKAGE)):
            command = ["apt-get", "--quiet", "--quiet", *arguments]
            subprocess.run(command, env=quiet, stdin=subprocess.DEVNULL, check=True)
        found = shutil.which(PACKAGE)
    if found is None:
        print(f"There is no {PACKAGE}. Install it, for example with: apt-get install {PACKAGE}")
        return 1
    print("The browser is", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
