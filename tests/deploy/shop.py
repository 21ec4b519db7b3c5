"""A service with one number, for inside the container: answers /widgets/…, notes what it was asked for and with which token."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Shop(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        with Path("/run/asked.log").open("a", encoding="utf-8") as log:
            log.write(json.dumps([self.path, self.headers.get("Authorization")]) + "\n")
        body = b'{"count": 42}'
        self.send_response(200 if self.path.startswith("/widgets/") else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, *_: object) -> None:
        """Quiet."""


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", 8099), Shop).serve_forever()
