"""Values as JSON can hold them: what is no number is null."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    return value


def number(value: float) -> float | int:
    """Whole numbers as such."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


__all__ = ["number", "plain"]
