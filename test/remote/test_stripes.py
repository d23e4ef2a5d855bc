"""Large copies over several connections (large_copies.cpp): the bytes are right, the connections are made, and a dead worker is an error, not a hang."""
import os, pathlib, subprocess, sys, tempfile, time, unittest
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "hostile"))
from peers import Worker, client, environment  # noqa: E402

PROGRAM = pathlib.Path(os.environ["LARGE_COPIES"])

class Stripes(unittest.TestCase):
    def copies(self, worker, connections, seconds=2):
        """How many further connections the session got."""
        with tempfile.NamedTemporaryFile("r") as file, tempfile.NamedTemporaryFile("r") as log:
            done = client(PROGRAM, worker.address(), TF_STATISTICS=file.name, TF_BULK_CONNECTIONS=str(connections), TF_ENABLE_LOG="1", TF_LOG_PATH=log.name, arguments=[str(seconds)])
            self.assertEqual(done.returncode, 0, f"{connections} connections: {done.stdout}{done.stderr}")
            self.assertNotIn("was not to be had", log.read())   # it was asked for, and refused
            return sum(int(line.split()[1]) for line in file if line.startswith("tfStripe:"))

    def test_one_to_four(self):
        with Worker() as w:
            for connections in (1, 2, 4):
                with self.subTest(connections): self.assertEqual(self.copies(w, connections), connections - 1)
            w.require_service()

    def test_worker_dies(self):
        worker = Worker()
        process = subprocess.Popen([PROGRAM, "60"], env=environment(worker.address()) | {"TF_BULK_CONNECTIONS": "3"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(2)
        worker.process.kill()
        worker.process.wait()
        worker.log.close()
        out, err = process.communicate(timeout=10)
        self.assertEqual(process.returncode, 1, out + err)
        self.assertIn("CUDA_ERROR_DEVICE_UNAVAILABLE", out)

if __name__ == "__main__": unittest.main()
