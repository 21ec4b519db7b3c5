"""The process that reads PDFs, as it is, except that a document may break it: by a last line that says how."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CRASH, HANG = b"%%crash\n", b"%%hang\n"


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from crawlers.papers import worker

    inner = worker.read

    def read(data: bytes, limits: Mapping[str, int]) -> tuple[dict[str, Any], bytes]:
        if data.endswith(CRASH):
            os.kill(os.getpid(), signal.SIGSEGV)
        if data.endswith(HANG):
            time.sleep(600)
        return inner(data, limits)

    worker.read = read
    worker.main()


if __name__ == "__main__":
    main()
