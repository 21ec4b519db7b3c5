"""All that a run left on the disk, in the clear: for tests that look for what must not be there."""

from __future__ import annotations

import gzip
from pathlib import Path

from crawlers.warc import records


def kept(folder: Path) -> str:
    """Every file below a folder, and every captured body, decompressed."""
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        found.append((gzip.decompress(data) if path.suffix == ".gz" else data).decode("latin-1"))
        if path.name.endswith(".warc.gz"):
            found += [record.text() for record in records(folder / "captures", path)]
    return "\n".join(found)
