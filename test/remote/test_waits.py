"""How often typical sequences of calls wait for the worker (sequences.cpp), and how often module images travel: once for each content."""
import os, pathlib, sys, tempfile, unittest
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "hostile"))
from peers import Worker, client, environment  # noqa: E402

PROGRAM = pathlib.Path(os.environ["SEQUENCES"])
# Waits of one round. Where a wait is the program's own (a synchronise, data that it reads), it is one.
EXPECTED = {
    "nothing": 0, "launch": 0, "launch_kernel_of_library": 0, "launch_sync": 1, "sync_idle": 0, "read_pinned": 1, "read_pageable": 1, "read": 1,
    "write": 1,   # the program has streams that do not wait for the default one
    "write_pageable_sync": 1, "memset_copy": 0, "objects": 0, "streams_meet": 0, "events_done": 1, "event_sync_then_queries": 1, "event_polled": 1, "graph": 0, "questions": 0,
    "new_module": 1, "capture": 3, "attributes_of_new_kernel": 3, "kernels_of_new_library": 4, "launch_of_function_with_attribute": 0, "mapped_memory": 1, "set_attribute": 0, "host_function": 0, "pool": 1,
}

class Waits(unittest.TestCase):
    def statistics(self, worker, *arguments):
        with tempfile.NamedTemporaryFile("r") as file:
            done = client(PROGRAM, worker.address(), TF_STATISTICS=file.name, arguments=arguments)
            self.assertEqual(done.returncode, 0, f"{arguments}: {done.stdout}{done.stderr}")
            return {k: int(v) for k, v in (word.split("=") for word in file.readline().split())}

    def test_each_sequence(self):
        with Worker() as w:
            for name, expected in EXPECTED.items():
                with self.subTest(name):
                    # Its images are kept from now on. The worker writes one after it has answered, so a second load at once may have to send it again.
                    self.statistics(w, name, "1")
                    few, many = (self.statistics(w, name, str(n))["waits"] for n in (3, 43))
                    self.assertEqual((many - few) / 40, expected)

    def test_images_travel_once(self):
        with Worker() as w:
            first, second = (self.statistics(w, "nothing", "1")["image_bytes"] for _ in range(2))
            self.assertGreater(first, 1000)
            self.assertEqual(second, 0)

if __name__ == "__main__": unittest.main()
