"""The images of a WooCommerce shop that tests run: built once, found again by their content."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

WOOCOMMERCE = os.environ.get("STOREORCH_WOOCOMMERCE_ZIP")
"""A zip archive or a folder of the real WooCommerce; without it the stand-in is used."""

WORDPRESS = os.environ.get("STOREORCH_WORDPRESS")
"""A folder with WordPress; without it Debian's is used, too old for a recent WooCommerce."""

STAND_IN = WOOCOMMERCE is None


def build(*names: str) -> dict[str, Path]:
    """Build images, and return their OCI archives by name."""
    command = [sys.executable, str(ROOT / "tools" / "build_images.py"), *names]
    for name, path in (("woocommerce", WOOCOMMERCE), ("wordpress", WORDPRESS)):
        if path is not None:
            command.append(f"--include={name}={Path(path).expanduser().absolute()}")
    heavy = shutil.which("nice")
    done = subprocess.run(
        [heavy, *command] if heavy else command, stdout=subprocess.PIPE, text=True, check=True
    )
    return dict(zip(names, map(Path, done.stdout.split()), strict=True))
