"""Raw bytes to a worker: whatever comes, the session that sent it ends and the worker serves the next client."""
import random, socket, struct, time, unittest
from peers import Worker, call, hello

def drain(s, seconds=3.0):
    """All that comes until the other side closes; None when it has not closed in time."""
    s.settimeout(seconds)
    got = b""
    try:
        while piece := s.recv(65536): got += piece
    except TimeoutError: return None
    except OSError: pass
    return got

class Bytes(unittest.TestCase):
    def setUp(self):
        self.worker = Worker()
        self.addCleanup(self.worker.__exit__)    # fails the test when the worker has ended

    def send(self, data, closing=True):
        with self.worker.connect() as s:
            try:
                s.sendall(data)
                if closing: s.shutdown(socket.SHUT_WR)
                return drain(s, 20)
            except OSError: return b""

    def test_garbage(self):
        r = random.Random(1)
        for data in [b"\0" * 64, b"\xff" * 4096, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", r.randbytes(31), r.randbytes(100_000)]:
            self.assertIsNotNone(self.send(data), "the connection was kept open")
        self.worker.require_service()

    def test_truncated_hello(self):
        whole = hello(token=b"some-token")
        for length in range(0, len(whole), 3): self.assertIsNotNone(self.send(whole[:length]))
        self.worker.require_service()

    def test_hostile_lengths_in_hello(self):
        for sizes in [dict(auth_bytes=0xffffffff), dict(token_bytes=0xffffffff), dict(auth_bytes=1 << 31, token_bytes=1 << 31), dict(token_bytes=65537)]:
            self.assertIsNotNone(self.send(hello(**sizes), closing=False), f"{sizes}: the worker waits for gigabytes")
        self.worker.require_service()

    def status(self, data):
        answer = self.send(data, closing=False)
        return struct.unpack_from("<QHHII", answer)[4] if answer and len(answer) >= 32 else None

    def test_hostile_environment_in_hello(self):
        bad = [b"LD_PRELOAD=/tmp/x.so\n", b"CUDA_VISIBLE_DEVICES=0", b"CUDA_VISIBLE_DEVICES\n", b"=0\n", b"\n", b"CUDA_VISIBLE_DEVICES=0\nCUDA_VISIBLE_DEVICES=1\n",
               b"CUDA_MODULE_LOADING=EAGER\nCUDA_VISIBLE_DEVICES=0\n", b"CUDA_VISIBLE_DEVICES=0\0\n", b"CUDA_VISIBLE_DEVICES=\x1b[2J\n", b"CUDA_VISIBLE_DEVICES=0\nPATH=/\n",
               b"cuda_visible_devices=0\n", b"CUDA_CACHE_PATH=/root\n", b"TF_SOFTGPU_PROFILE=/etc/passwd\n", b"CUDA_VISIBLE_DEVICES=" + b"0" * 5000 + b"\n", bytes(range(1, 200))]
        for environment in bad:
            with self.subTest(environment[:40]): self.assertEqual(self.status(hello(environment=environment)), 3)
        for sizes in [dict(environment_bytes=0xffffffff), dict(environment_bytes=1 << 20), dict(environment_bytes=4096), dict(environment_bytes=8, auth_bytes=60000)]:
            with self.subTest(sizes): self.assertIn(self.status(hello(**sizes)), (3, None), f"{sizes}: a session began")
        self.worker.require_service()

    def test_environment_comes_in_pieces(self):
        data = hello(environment=b"CUDA_VISIBLE_DEVICES=0\nCUDA_MODULE_LOADING=EAGER\n")
        with self.worker.connect() as s:
            for piece in (data[:5], data[5:32], data[32:45], data[45:60], data[60:]):
                s.sendall(piece)
                time.sleep(0.1)
            got = b""
            while len(got) < 32: got += s.recv(32 - len(got))
            self.assertEqual(struct.unpack_from("<QHHII", got)[4], 0)
        for length in range(0, len(data), 5): self.assertIsNotNone(self.send(data[:length]))
        self.worker.require_service()

    def test_wrong_magic_and_version_are_named(self):
        for data, status in [(hello(magic=12345), 1), (hello(version=99, oldest=99), 2), (hello(version=1, oldest=1), 2)]:
            answer = self.send(data)
            self.assertGreaterEqual(len(answer), 32)
            magic, version, _, _, got, text_bytes, _ = struct.unpack_from("<QHHIIIQ", answer)
            self.assertEqual(got, status)
            self.assertGreater(text_bytes, 0)
        self.worker.require_service()

    def test_further_connections(self):
        name = b"0123456789abcdef"
        for data in (hello(stripe=1), hello(stripe=2, token=name), hello(stripe=1, token=name, environment=b"CUDA_VISIBLE_DEVICES=0\n")):
            self.assertEqual(self.status(data), 3)
        for length in range(0, 56, 5): self.assertIsNotNone(self.send(hello(stripe=1, token=name)[:length]))
        def connect(name):
            with self.worker.connect() as s:
                s.sendall(hello(stripe=1, token=name))
                got = b""
                while len(got) < 32: got += s.recv(32 - len(got)) or b"\xff" * 32
                return struct.unpack_from("<QHHII", got)[4]
        self.assertEqual(connect(name), 0)
        self.assertEqual(connect(name), 3, "two of one name")
        for i in range(40): self.assertEqual(connect(bytes([i]) * 16), 0)   # that nobody asks for
        self.worker.require_service()

    def start_session(self):
        s = self.worker.connect()
        s.sendall(hello())
        got = b""
        while len(got) < 32: got += s.recv(32 - len(got))
        self.assertEqual(struct.unpack_from("<QHHII", got)[4], 0)
        return s

    def test_hostile_calls(self):
        bad = [call(0xffff), call(1, size=0xffffffff), call(1, size=(64 << 20) + 8), call(1, size=7), call(1, bulk_bytes=1 << 63), call(2, bulk_bytes=(1 << 40) + 8),
               call(1, b"\xff" * 8), call(0, b""), b"\xff" * 24, call(1, context=0xffffffff)]
        for data in bad:
            with self.start_session() as s:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                self.assertIsNotNone(drain(s, 20), data)
        self.worker.require_service()

    def test_random_arguments(self):
        r = random.Random(7)
        for round in range(12):
            with self.start_session() as s:
                try:
                    for _ in range(200):
                        size = r.choice([0, 8, 16, 24, 40, 64, 200, 1000])
                        data = bytes(r.choice([0, 0, 0, 1, 2, 255, r.randrange(256)]) for _ in range(size))
                        s.sendall(call(r.randrange(700), data, flags=r.randrange(4), context=r.randrange(3)))
                    s.shutdown(socket.SHUT_WR)
                    self.assertIsNotNone(drain(s, 40), f"round {round}: the session neither answered nor ended")
                except OSError: pass            # it ended the session early: that is its right
        self.worker.require_service()

    def test_flood(self):
        opened = []
        for _ in range(150):
            s = self.worker.connect()
            s.setblocking(False)
            opened.append(s)
        self.addCleanup(lambda: [s.close() for s in opened])
        for s in opened: s.close()
        self.worker.require_service()

    def test_half_open(self):
        silent = [self.worker.connect() for _ in range(8)]
        slow = self.worker.connect()
        slow.sendall(hello()[:20])
        self.worker.require_service()            # nobody waits for them
        for s in silent + [slow]: s.close()
        self.worker.require_service()

    def test_sessions_go_away(self):
        before = len(self.worker.session_pids())
        for _ in range(5): self.start_session().close()
        for _ in range(100):
            if len(self.worker.session_pids()) <= max(before, 2): return
            time.sleep(0.1)
        self.fail(f"processes are left over: {self.worker.session_pids()}")

if __name__ == "__main__": unittest.main()
