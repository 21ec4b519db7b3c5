"""Run as a process of its own: the strings that an XPath expression finds on a page, within a limit of time and memory.

XPath takes quadratic time and worse on pages that are made for it, and nothing can interrupt it from within. Input: the
expression's length in bytes and a line end, the expression, the page in UTF-8. Output: JSON, ``{"found": […], "more": 0}``
or ``{"error": "…"}``. Imports nothing of Uptake, so that it starts fast.
"""

import json
import resource
import sys

from lxml import etree  # type: ignore[import-untyped]  # it has no types here

SECONDS = 3  # of the processor
MEMORY = 1 << 30  # bytes
MOST, LONGEST = 20, 400  # strings, and characters of one


def strings(page: bytes, expression: str) -> dict[str, object]:
    """What an expression gives on a page: the text of nodes, attributes, or the value of a function."""
    tree = etree.fromstring(page or b"<html/>", etree.HTMLParser(encoding="utf-8", no_network=True))
    if tree is None:
        return {"found": [], "more": 0}
    result = tree.xpath(expression)
    if isinstance(result, bool):
        return {"error": "the expression gives true or false, not a text or a number"}
    if isinstance(result, float):
        return {"found": [f"{result:.0f}" if result.is_integer() else str(result)], "more": 0}
    nodes = result if isinstance(result, list) else [result]
    texts = [str(n if isinstance(n, str) else n.xpath("string()"))[: LONGEST + 1] for n in nodes[:MOST]]
    return {"found": texts, "more": len(nodes) - len(texts)}


def main() -> None:
    """Read standard input, write standard output."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    length = int(sys.stdin.buffer.readline())
    expression, page = sys.stdin.buffer.read(length).decode(), sys.stdin.buffer.read()
    try:
        answer = strings(page, expression)
    except (etree.XPathError, etree.LxmlError, MemoryError) as error:
        answer = {"error": str(error) or type(error).__name__}
    sys.stdout.buffer.write(json.dumps(answer).encode())


if __name__ == "__main__":
    main()
