"""A stand-in for the Hugging Face Hub: serves folders as repositories."""

import contextlib
import hashlib
import http.server
import json
import threading
import urllib.parse

COMMIT = "0" * 40


@contextlib.contextmanager
def hub(repositories):
    """Yields the address of a hub with some repositories.

    Args:
        repositories: Dict of "USER/NAME" -> folder.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer(with_body=False)

        def do_GET(self):
            self.answer(with_body=True)

        def answer(self, with_body):
            parts = urllib.parse.urlparse(self.path).path.strip("/").split("/")
            is_api = parts[:2] == ["api", "models"]
            parts = parts[2 * is_api :]
            folder = repositories.get("/".join(parts[:2]))
            if folder is None:
                self.reply(404, b"{}", {"X-Error-Code": "RepoNotFound"}, with_body)
                return
            names = [p.relative_to(folder) for p in folder.rglob("*") if p.is_file()]
            if is_api and parts[2:3] == ["tree"]:
                content = [
                    {
                        "type": "file",
                        "path": str(name),
                        "size": (folder / name).stat().st_size,
                        "oid": hashlib.sha1(str(name).encode()).hexdigest(),
                    }
                    for name in names
                ]
                self.reply(200, json.dumps(content).encode(), {}, with_body)
            elif is_api:
                content = {
                    "id": "/".join(parts[:2]),
                    "sha": COMMIT,
                    "siblings": [{"rfilename": str(name)} for name in names],
                    "private": False,
                    "tags": [],
                }
                self.reply(200, json.dumps(content).encode(), {}, with_body)
            else:  # USER/NAME/resolve/COMMIT/FILE
                body = (folder / "/".join(parts[4:])).read_bytes()
                etag = hashlib.sha1(body).hexdigest()
                headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}
                self.reply(200, body, headers, with_body)

        def reply(self, status, body, headers, with_body):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
