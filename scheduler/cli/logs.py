"""Logging to standard error: quiet by default, plain or JSON on request."""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def configure(*, verbose: bool, as_json: bool) -> None:
    """Set the root logger up. Quiet means warnings of ours and errors of others."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if as_json else logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("scheduler").setLevel(logging.NOTSET)  # see `in_the_long_run`
    for name in ("alembic", "scrapy", "asyncio", "py.warnings"):
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.ERROR)


def in_the_long_run() -> None:
    """For a daemon: tell what is done, and when. Under systemd the journal adds the time."""
    logging.getLogger("scheduler").setLevel(logging.INFO)
    for handler in logging.getLogger().handlers:
        if not isinstance(handler.formatter, _Json) and "JOURNAL_STREAM" not in os.environ:
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    for name in ("apscheduler", "uvicorn"):
        logging.getLogger(name).setLevel(logging.ERROR)
