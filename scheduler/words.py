"""Outcomes in a reader's words, for the terminal and for pages."""

from __future__ import annotations

from storage.model import Reason

WORDS = {
    str(Reason.ROBOTS): "robots.txt does not allow it",
    str(Reason.TOO_LARGE): "the answer was too large",
    str(Reason.TRUNCATED): "the answer was cut off",
    str(Reason.BLOCKED): "the site refused",
    str(Reason.THROTTLED): "the site asked to slow down",
    str(Reason.PARSE_ERROR): "the answer could not be read",
    str(Reason.NOT_FOUND): "not found there",
    str(Reason.UNREACHABLE): "could not be reached",
    str(Reason.BUDGET): "today's allowance is spent",
    str(Reason.DOWNTIME): "nobody measured when it was time",
    str(Reason.UNANSWERED): "no answer spoke of it",
    "suspect": "held as doubtful",
}

__all__ = ["WORDS"]
