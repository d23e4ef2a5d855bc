"""The connection URL: what an operator's endpoint answers, and how the client asks for it."""
import http.server, threading, time, unittest
from peers import URL, Worker, client

class Operator:
    """An HTTP server whose answers are given as a list of (status, body, seconds to wait first); the last one repeats."""
    def __init__(self, *answers, chunked=False):
        self.requests, remaining, operator = [], list(answers), self
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def do_GET(self):
                operator.requests.append((self.path, dict(self.headers)))
                status, body, wait = remaining.pop(0) if len(remaining) > 1 else remaining[0]
                time.sleep(wait)
                self.send_response(status)
                self.send_header("Content-Type", "text/plain")
                if chunked:
                    self.send_header("Transfer-Encoding", "chunked"); self.end_headers()
                    for i in range(0, len(body), 7): piece = body[i:i + 7].encode(); self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.write(b"0\r\n\r\n")
                else:
                    self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body.encode())
            def log_message(self, *_): pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
    def __enter__(self): return self
    def __exit__(self, *_): self.server.shutdown(); self.server.server_close()
    def url(self): return f"http://127.0.0.1:{self.server.server_port}/api/connection?name=mine&namespace=team"

class ConnectionUrl(unittest.TestCase):
    def ask(self, operator, **more): return client("launch_shapes", **{URL: operator.url()}, **more)

    def test_answered(self):
        with Worker() as worker, Operator((200, worker.address() + "\n", 0)) as operator:
            done = self.ask(operator)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual(len(operator.requests), 1)
            self.assertEqual(operator.requests[0][0], "/api/connection?name=mine&namespace=team")

    def test_slow_chunked_and_at_second_try(self):
        with Worker() as worker, Operator((503, "", 0), (200, worker.address(), 6), chunked=True) as operator:
            done = self.ask(operator)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual(len(operator.requests), 2)

    def test_token(self):
        with Worker() as worker, Operator((200, worker.address(), 0)) as operator:
            done = self.ask(operator, TENSOR_FUSION_OPERATOR_CONNECTION_TOKEN="secret-token")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual(operator.requests[0][1].get("Authorization"), "Bearer secret-token")
            self.assertNotIn("secret-token", done.stdout + done.stderr)

    def test_connection_info_goes_first(self):
        with Worker() as worker, Operator((404, "", 0)) as operator:
            done = client("launch_shapes", worker.address(), **{URL: operator.url()})
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual(operator.requests, [])

    def test_refused(self):
        for status in [401, 404, 500]:
            with self.subTest(status), Operator((status, '{"error":"no"}', 0)) as operator:
                done = self.ask(operator)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertLess(done.seconds, 5)
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertIn(str(status), done.stderr)

    def test_nonsense_answers(self):
        for body in ["", "<html>hello</html>", "native+", "x" * 100_000]:
            with self.subTest(body[:20]), Operator((200, body, 0)) as operator:
                done = self.ask(operator)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

if __name__ == "__main__": unittest.main()
