"""The archive of a function, and a server on this machine that gives it out as Lambda does."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread


def archive(**files: bytes) -> bytes:
    """An archive of these files, by name with `_` for the dot."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, content in files.items():
            file.writestr(name.replace("_", "."), content)
    return made.getvalue()


@contextmanager
def serving(body: bytes, status: int = 200) -> Iterator[str]:
    """The address at which this is answered, whatever the path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # as http.server calls it
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/code.zip"
        finally:
            server.shutdown()
            thread.join()
