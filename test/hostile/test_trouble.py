"""What a client says and answers when its worker is unreachable, wrong or dying: an error within seconds, one line, never a hang."""
import os, signal, socket, struct, subprocess, threading, time, unittest
from peers import CALLS, MAGIC, VERSION, Worker, client, environment, free_port

class Server:
    """Accepts connections on a free port and hands each to `talk`."""
    def __init__(self, talk):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        def serve():
            while True:
                try: connection, _ = self.socket.accept()
                except OSError: return
                threading.Thread(target=talk, args=(connection,), daemon=True).start()
        threading.Thread(target=serve, daemon=True).start()
    def __enter__(self): return self
    def __exit__(self, *_): self.socket.close()

class Trouble(unittest.TestCase):
    def require_refusal(self, done, word="", within=8.0):
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"cuInit\(0\) answered \d+ CUDA_ERROR_")
        self.assertLess(done.seconds, within)
        lines = [l for l in done.stderr.splitlines() if l.strip()]
        self.assertEqual(len(lines), 1, f"not one line on stderr: {done.stderr!r}")
        self.assertIn(word, lines[0])

    def test_nothing_listens(self):
        port = free_port()
        self.require_refusal(client("device_query", f"native+127.0.0.1+{port}+0"), str(port))

    def test_no_such_host(self): self.require_refusal(client("device_query", "native+no.such.host.invalid+1234+0"), "no.such.host.invalid", 15)

    def test_bad_connection_strings(self):
        for text in ["nonsense", "native", "native+host", "native+127.0.0.1+port+0", "native+127.0.0.1+99999+0", "native++1234+0", "pigeon+127.0.0.1+1234+0", "+++"]:
            with self.subTest(text): self.require_refusal(client("device_query", text), text)

    def test_no_worker_given(self): self.require_refusal(client("device_query"), "TENSOR_FUSION_OPERATOR_CONNECTION_INFO")

    def test_worker_that_says_nothing(self):
        with Server(lambda c: time.sleep(60)) as s: self.require_refusal(client("device_query", f"native+127.0.0.1+{s.port}+0"), str(s.port), 40)

    def test_not_a_worker(self):
        for answer in [b"", b"SSH-2.0-OpenSSH_9.2\r\n" + bytes(64), os.urandom(200)]:
            def talk(c):
                c.recv(4096); c.sendall(answer); c.close()
            with self.subTest(answer), Server(talk) as s: self.require_refusal(client("device_query", f"native+127.0.0.1+{s.port}+0"))

    def test_other_version(self):
        text = b"this worker speaks version 7 only"
        def talk(c):
            c.recv(4096); c.sendall(struct.pack("<QHHIIIQ", MAGIC, 7, 0, 0, 2, len(text), 0) + text + bytes(-len(text) % 8)); c.close()
        with Server(talk) as s: self.require_refusal(client("device_query", f"native+127.0.0.1+{s.port}+0"), "version")

    def test_messages_that_make_no_sense(self):
        """After a good greeting: data over a connection that is not there, a kind that does not exist, sizes that cannot be, a reply that nobody asked for."""
        def message(bytes_=0, kind=2, connection=0, call=1, bulk=0): return struct.pack("<IHHiIQQQ", bytes_, kind, 0, 0, connection, call, 0, bulk)
        for data in [message(connection=5, bulk=100), message(connection=1 << 30), message(kind=99), message(bytes_=4), message(bytes_=1 << 30), message(kind=1, bulk=1 << 50), message(kind=1, call=77)]:
            def talk(c):
                c.recv(4096); c.sendall(struct.pack("<QHHIIIQ", MAGIC, VERSION, 0, 0, 0, 0, 1) + data)
                while c.recv(4096): pass
                c.close()
            with self.subTest(data), Server(talk) as s: self.require_refusal(client("device_query", f"native+127.0.0.1+{s.port}+0"), str(s.port))

    def start_waiting(self, worker, *arguments):
        process = subprocess.Popen([CALLS / "../hostile/long_call", *arguments], env=environment(worker.address()), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        self.assertEqual(process.stdout.readline(), "waiting\n")
        time.sleep(0.5)
        return process

    def require_error_soon(self, process):
        begin = time.monotonic()
        try: out, err = process.communicate(timeout=20)
        except subprocess.TimeoutExpired: process.kill(); self.fail("the client hangs")
        self.assertLess(time.monotonic() - begin, 5)
        self.assertEqual(process.returncode, 0, out + err)
        self.assertLessEqual(len(err.splitlines()), 1, err)

    def test_worker_killed_in_a_call(self):
        for arguments in [(), ("copy",), ("stream",), ("event",), ("read",), ("free",), ("query",), ("threads",), ("callback",), ("capture",)]:
            with self.subTest(arguments):
                worker = Worker()
                process = self.start_waiting(worker, *arguments)
                worker.process.kill()
                worker.process.wait()
                self.require_error_soon(process)
                worker.log.close()

    def test_session_killed_in_a_call(self):
        with Worker() as worker:
            process = self.start_waiting(worker)
            for pid in worker.session_pids():
                os.kill(pid, signal.SIGKILL)     # the session, the spare, all of them
            self.require_error_soon(process)
            worker.require_service()

    def test_client_killed_in_a_call(self):
        with Worker() as worker:
            process = self.start_waiting(worker)
            before = worker.session_pids()
            process.kill()
            process.wait()
            process.communicate()
            for _ in range(100):
                if len(worker.session_pids()) < len(before) or set(worker.session_pids()) != set(before): break
                time.sleep(0.1)
            else: self.fail("the session of a dead client lives on")
            worker.require_service()

    def test_closed_descriptors_of_memory_do_not_pile_up(self):
        with Worker() as worker:
            count = lambda: len(os.listdir(f"/proc/{worker.process.pid}/fd"))
            worker.require_service()
            time.sleep(0.5)
            most, before = 0, count()
            process = subprocess.Popen([CALLS / "share_lifetime"], env=environment(worker.address()), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            while process.poll() is None:
                most = max(most, count())
                time.sleep(0.002)
            self.assertEqual(process.wait(), 0, process.stdout.read())
            process.stdout.close()
            self.assertLess(most - before, 20)   # it exports 200 times
            for _ in range(100):
                if count() <= before + 1: return
                time.sleep(0.1)
            self.fail(f"{count()} descriptors are left, {before} there were")

    def test_one_client_faults_others_go_on(self):
        with Worker() as worker:
            others = [subprocess.Popen([CALLS / "threads"], env=environment(worker.address()), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
            for program in ["kernel_fault", "kernel_assert", "kernel_fault"]:
                done = client(program, worker.address())
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            for other in others:
                out, _ = other.communicate(timeout=100)
                self.assertEqual(other.returncode, 0, out)

if __name__ == "__main__": unittest.main()
