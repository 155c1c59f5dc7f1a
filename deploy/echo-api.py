#!/usr/bin/env python3
"""An API for trying a gateway: it answers with the request and the identity headers that arrived.

    python3 deploy/echo-api.py         listens on http://127.0.0.1:9000
    python3 deploy/echo-api.py 9001    on another port

Only this machine can reach it. It reads no file. Stop it with Ctrl+C.
"""
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Echo(BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        lines = [f"Hello from the API: {self.command} {self.path}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items() if name.lower().startswith("x-auth")]
        if "Authorization" in self.headers:
            lines.append("Authorization arrived too: the proxy should remove it")
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.end_headers()
        self.wfile.write(("\n".join(lines) + "\n").encode())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9000), Echo)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
