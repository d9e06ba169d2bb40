"""Look for a browser for the tests; as root, install Debian's. Without one, say in one line what is left out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> int:
    if any(shutil.which(name) for name in NAMES):
        return 0
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        print("ブラウザを入れます / installing a browser (apt-get install chromium fonts-noto-cjk) …", flush=True)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-noto-cjk"],
            check=False, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, **quiet,
        )  # fmt: skip
    if any(shutil.which(name) for name in NAMES):
        return 0
    print("ブラウザの試験を省きます。入れるには: apt-get install chromium fonts-noto-cjk / "
          "browser tests are left out; to get them: apt-get install chromium fonts-noto-cjk", file=sys.stderr)  # fmt: skip
    return 1 if os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main())
