"""`startup.py [import_only] [zeros] [matmul]`: how long a new process takes: `import torch; torch.zeros(1).cuda()` from its start to its end, and the same with one matrix product. If the client writes
TF_STATISTICS lines, what the first and the second start sent to the worker."""
import json, os, subprocess, sys, tempfile, time

QUICK = os.environ.get("BENCH_QUICK") == "1"
def emit(name, value, unit, **more):
    print(json.dumps(dict(suite="startup", name=name, value=float(f"{value:.6g}"), unit=unit) | more), flush=True)
def statistics(path):
    """The sums of every number=value pair of the first lines of processes."""
    sums = {}
    for word in [w for line in (open(path) if os.path.exists(path) else []) if line.startswith("calls=") for w in line.split()]:
        key, _, number = word.partition("=")
        if number.isdigit(): sums[key] = sums.get(key, 0) + int(number)
    return sums

for name, code in [("import_only", "import torch"), ("zeros", "import torch; torch.zeros(1).cuda()"),
        ("matmul", "import torch; x = torch.ones(64, 64, device='cuda', dtype=torch.bfloat16); (x @ x).sum().item()")]:
    if sys.argv[1:] and name not in sys.argv[1:]: continue
    times = []
    for i in range({"import_only": 1, "zeros": 3, "matmul": 2}[name] if QUICK else 6):
        file = tempfile.mktemp()
        time.sleep(0.3)
        t = time.perf_counter()
        run = subprocess.run([sys.executable, "-c", code], env={**os.environ, "TF_STATISTICS": file}, capture_output=True, text=True)
        times.append(time.perf_counter() - t)
        if run.returncode:
            print(json.dumps(dict(suite="startup", name=name, error=run.stderr[-200:])))
            break
        for key, value in statistics(file).items():
            if i < 2 and key not in ("calls",):
                emit(f"{name}.{key}.{('first', 'second')[i]}", value, "bytes" if "byte" in key else "")
        if os.path.exists(file): os.unlink(file)
    if times:
        emit(name, sorted(times)[len(times) // 2], "s", runs=[round(t, 3) for t in times])
        emit(f"{name}.best", min(times), "s")
