"""Shared by the tests of this folder: a worker on a free port, clients of it, and the first bytes of the protocol (src/wire/frame.h)."""
import os, pathlib, signal, socket, struct, subprocess, tempfile, time

DIST = pathlib.Path(os.environ["DIST"])
CALLS = pathlib.Path(os.environ["CALLS"])          # the folder of the test programs
CONNECTION = "TENSOR_FUSION_OPERATOR_CONNECTION_INFO"
URL = "TENSOR_FUSION_OPERATOR_GET_CONNECTION_URL"
MAGIC = 0x314E4F4953554654
VERSION = 4

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]

def hello(magic=MAGIC, version=VERSION, oldest=VERSION, features=0, auth=b"", token=b"0", environment=b"", auth_bytes=None, token_bytes=None, environment_bytes=None, stripe=0):
    pad = lambda b: b + bytes(-len(b) % 8)
    given = lambda n, b: len(b) if n is None else n
    return struct.pack("<QHHIIIIIII", magic, version, oldest, features, given(auth_bytes, auth), given(token_bytes, token), os.getpid(), 0,
                       given(environment_bytes, environment), stripe) + pad(auth) + pad(token) + pad(environment)

def call(op, arguments=b"", flags=1, context=0, size=None, bulk_bytes=0):
    return struct.pack("<IHHIIQ", len(arguments) if size is None else size, op, flags, context, 0, bulk_bytes) + arguments

class Worker:
    """A worker process; `with Worker() as w` ends it, and fails when it had ended before."""
    def __init__(self, **environment):
        self.log = tempfile.TemporaryFile()
        self.port = free_port()
        self.process = subprocess.Popen([DIST / "worker/tensor-fusion-worker", "-n", "native", "-p", str(self.port)], stdout=self.log,
                                        stderr=self.log, env=os.environ | environment)
        for _ in range(200):
            try: socket.create_connection(("127.0.0.1", self.port)).close(); return
            except OSError: time.sleep(0.05)
        raise RuntimeError("the worker does not listen: " + self.text())

    def text(self): self.log.seek(0); return self.log.read().decode(errors="replace")[-2000:]
    def __enter__(self): return self
    def __exit__(self, *_):
        ended = self.process.poll()
        self.process.send_signal(signal.SIGTERM)
        try: self.process.wait(10)
        except subprocess.TimeoutExpired: self.process.kill(); self.process.wait(); raise RuntimeError("the worker did not end on SIGTERM")
        finally: text = self.text(); self.log.close()
        if ended is not None: raise RuntimeError(f"the worker had ended ({ended}): {text}")

    def address(self): return f"native+127.0.0.1+{self.port}+0"
    def connect(self): return socket.create_connection(("127.0.0.1", self.port), timeout=20)
    def session_pids(self):
        """Its child processes: the sessions and the spare."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return [int(p) for p in pathlib.Path(path).read_text().split()]

    def require_service(self):
        """A whole client run through this worker."""
        done = client("launch_shapes", self.address())
        if done.returncode: raise AssertionError(f"another client failed: {done.stdout}{done.stderr}\nworker: {self.text()}")

def environment(connection=None, **more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TENSOR_FUSION_", "TF_"))}
    if connection is not None: kept[CONNECTION] = connection
    return kept | {"LD_LIBRARY_PATH": str(DIST / "client")} | more

def client(program, connection=None, timeout=60, arguments=(), **more):
    """Runs a test program to its end; .seconds says how long it took. TimeoutExpired means that it hung."""
    begin = time.monotonic()
    done = subprocess.run([CALLS / program, *arguments], env=environment(connection, **more), capture_output=True, text=True, timeout=timeout)
    done.seconds = time.monotonic() - begin
    return done
