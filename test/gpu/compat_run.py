"""Runs the checks of the compat_*.py files natively and through the client, several at once, and writes the results page; called by script/compat,
which starts the worker and sets COMPAT_CLIENT (the client's folder). A check is a line `def check_NAME():` in such a file; a comment on that line may
say `limit 200` (seconds; 100 otherwise), `alone` (run after the others, one at a time), `cores 4` (how many of the slots it takes), `remote`
(only through the client; the exit status decides) or `env A=B`. PASS: natively fine and remotely equal. SKIP: it failed natively, so it says nothing."""
import argparse, difflib, os, pathlib, re, resource, shutil, signal, subprocess, sys, tempfile, threading, time

HERE = pathlib.Path(__file__).resolve().parent
arguments = argparse.ArgumentParser()
arguments.add_argument("--only", default=".")
arguments.add_argument("--skip", default="^$")
arguments.add_argument("--gpus", type=int, default=1)
arguments.add_argument("--jobs", type=int, default=max(2, (os.cpu_count() or 2) * 5 // 8))
arguments.add_argument("--limit", type=int, default=520, help="seconds for everything")
arguments.add_argument("--logs", type=pathlib.Path, required=True)
arguments.add_argument("--page", type=pathlib.Path, required=True)
arguments.add_argument("--native", action="store_true", help="compare two native runs: what differs then is the check's own doing")
arguments.add_argument("--list", action="store_true")
options = arguments.parse_args()
START = time.monotonic()
CLIENT = os.environ.get("COMPAT_CLIENT", "")

class Check:
    def __init__(self, path, name, words):
        self.name, self.command = f"{path.stem.removeprefix('compat_')}.{name}", [sys.executable, str(path), name]
        number = lambda word, default: int(m[1]) if (m := re.search(rf"\b{word} (\d+)", words)) else default
        self.limit, self.cores = number("limit", 100), number("cores", 1)
        self.alone, self.remote_only = bool(re.search(r"\balone\b", words)), bool(re.search(r"\bremote\b", words))
        self.environment = dict(pair.split("=", 1) for pair in re.findall(r"\benv (\S+=\S+)", words))
        self.status, self.why, self.seconds = "NOT RUN", "no time was left", {}

def checks():
    for path in sorted(HERE.glob("multi_*.py" if options.gpus > 1 else "compat_*.py")):
        if path.name == "compat_run.py": continue
        for name, words in re.findall(r"^def check_(\w+)\(\):(.*)$", path.read_text(), re.M):
            check = Check(path, name, words.partition("#")[2])
            if re.search(options.only, check.name) and not re.search(options.skip, check.name): yield check

def environment(check, remote):
    env = {**os.environ, **check.environment}
    caches = options.logs / "cache" / ("remote" if remote else "native")  # own caches: what one has compiled must not spare the other
    for name in ["TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUPY_CACHE_DIR", "CUDA_CACHE_PATH", "NUMBA_CACHE_DIR", "MPLCONFIGDIR"]:
        env[name] = str(caches / name.lower() / check.name)
    if remote:
        env["LD_LIBRARY_PATH"] = CLIENT + ":" + env.get("LD_LIBRARY_PATH", "")
        env["COMPAT_REMOTE"] = "1"
    else:
        env.pop("TENSOR_FUSION_OPERATOR_CONNECTION_INFO", None)
    return env

def run(check, remote, label):
    """One process group under a time limit; returns (status, output lines, seconds)."""
    out, err = options.logs / f"{check.name}.{label}.out", options.logs / f"{check.name}.{label}.err"
    start = time.monotonic()
    with out.open("w") as stdout, err.open("w") as stderr:
        process = subprocess.Popen(check.command, env=environment(check, remote), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True, cwd=HERE)
        try: status = process.wait(max(5, min(check.limit, options.limit - (start - START))))
        except subprocess.TimeoutExpired:
            try: os.killpg(process.pid, signal.SIGABRT); process.wait(2)  # faulthandler writes where Python stood
            except (subprocess.TimeoutExpired, ProcessLookupError): pass
            status = "time limit"
        try: os.killpg(process.pid, signal.SIGKILL)  # what it left running
        except ProcessLookupError: pass
        process.wait()
    return status, out.read_text(errors="replace").splitlines(), time.monotonic() - start

def last_words(check, label, lines):
    errors = [l for l in (options.logs / f"{check.name}.{label}.err").read_text(errors="replace").splitlines() if l.strip()]
    for line in reversed(errors):
        if re.match(r"^[\w.]*(Error|Exception|Interrupt|Exit)\b", line) or "Fatal" in line: return line[:220]
    return (errors or lines or ["no output"])[-1][:220]

def difference(native, remote):
    """The first difference that counts, or None. "time" lines are kept as remarks."""
    keep = lambda lines: [l for l in lines if not l.startswith(("~", "near ", "time "))]
    a, b = keep(native), keep(remote)
    if a != b:
        changed = [l for l in difflib.unified_diff(a, b, lineterm="", n=0) if re.match(r"^[-+](?![-+])", l)]
        return "; ".join((("native: " if l[0] == "-" else "remote: ") + l[1:]).strip()[:160] for l in changed[:4]) or "differs"
    for word in ["near", "time"]:
        pairs = [{p[1]: p for p in (l.split() for l in lines if l.startswith(word + " "))} for lines in (native, remote)]
        for name, (_, _, value, *rest) in pairs[0].items():
            if name not in pairs[1]: return f"remote printed no {name}"
            other, value = float(pairs[1][name][2]), float(value)
            if word == "near" and not (abs(other - value) <= 1e-3 * max(1e-30, abs(value)) or (other != other and value != value)): return f"{name}: native {value:g}, remote {other:g}"
            if word == "time" and other > float(rest[0]) * value + 0.05: return f"{name}: native {value:.3g} s, remote {other:.3g} s, more than {rest[0]} times"
    return None

def strangers(lines):
    """Drivers that are not the client's in the memory of a remote process."""
    return [p for l in lines if l.startswith("~ maps") for p in l.split()[2:] if CLIENT and not os.path.realpath(p).startswith(os.path.realpath(CLIENT))]

def perform(check):
    native = []
    if not check.remote_only:
        status, native, check.seconds["native"] = run(check, False, "native")
        if status:
            check.status, check.why = "SKIP", f"natively {'exit ' + str(status) if status != 'time limit' else status}: {last_words(check, 'native', native)}"
            if not options.native and status != "time limit": check.seconds["remote"] = run(check, True, "remote")[2]
            return
    status, remote, check.seconds["remote"] = run(check, not options.native, "remote")
    problem = f"{'exit ' + str(status) if status != 'time limit' else status}: {last_words(check, 'remote', remote)}" if status else None
    remarks = []
    if not problem and not check.remote_only and (problem := difference(native, remote)):  # is it the same natively twice?
        again_status, again, _ = run(check, False, "again")
        if again_status == 0 and len(again) == len(native) == len(remote):
            steady = [i for i in range(len(native)) if native[i] == again[i]]
            problem = difference([native[i] for i in steady], [remote[i] for i in steady])
            remarks = [f"{len(native) - len(steady)} of {len(native)} lines differ between two native runs too"] if len(steady) < len(native) else []
    if not problem and not options.native and strangers(remote): problem = "not only the client's libraries were loaded: " + " ".join(strangers(remote))
    times = [l.split() for l in remote if l.startswith("time ")]
    base = {l.split()[1]: float(l.split()[2]) for l in native if l.startswith("time ")}
    remarks += [f"{w[1]} {float(w[2]):.3g} s, native {base.get(w[1], 0):.3g}" for w in times]
    check.status, check.why = ("FAIL", problem) if problem else ("PASS", "; ".join(remarks))

def line(check):
    seconds = ", ".join(f"{k} {v:.1f} s" for k, v in check.seconds.items())
    return f"{check.status} {check.name} ({seconds}){': ' + check.why if check.why else ''}"

def run_all(todo):
    free, turn = [options.jobs], threading.Condition()
    def work(check):
        try: perform(check)
        except Exception as e: check.status, check.why = "FAIL", f"the runner: {type(e).__name__}: {e}"
        with turn:
            free[0] += min(check.cores, options.jobs); turn.notify_all()
            print(f"{time.monotonic() - START:5.0f} s", line(check), flush=True)
    threads = []
    def start(check):
        with turn:
            turn.wait_for(lambda: free[0] >= min(check.cores, options.jobs))
            if time.monotonic() - START > options.limit - 15: return
            free[0] -= min(check.cores, options.jobs)
        threads.append(threading.Thread(target=work, args=(check,), daemon=True)); threads[-1].start()
    for check in sorted((c for c in todo if not c.alone), key=lambda c: -c.limit): start(check)  # the long ones first
    for thread in threads: thread.join()
    for check in (c for c in todo if c.alone):
        start(check)
        threads[-1].join()

def page(todo, summary):
    """Replaces the generated part of the page, or appends it."""
    title = "## Checked on an H200" if options.gpus == 1 else f"## Checked on {options.gpus} H200s"
    mark = "checked" if options.gpus == 1 else f"checked-{options.gpus}"
    begin, end = f"<!-- {mark}: begin, written by script/compat -->", f"<!-- {mark}: end -->"
    machine = os.environ.get("COMPAT_MACHINE", "")
    text = [begin, title, "", f"`script/compat run{f' --gpus {options.gpus}' if options.gpus > 1 else ''}`, {time.strftime('%F', time.gmtime())}: {machine}. **{summary}.**", "",
            "Every check ran natively and then through client, TCP on one host and a worker on the same driver; what it printed (digests of every bit, types, error texts) had to be equal.", "",
            "| check | result | native, s | remote, s | remark |", "|---|---|---|---|---|"]
    for check in sorted(todo, key=lambda c: (["FAIL", "NOT RUN", "SKIP", "PASS"].index(c.status), c.name)):
        seconds = [f"{check.seconds[k]:.1f}" if k in check.seconds else "–" for k in ("native", "remote")]
        remark = check.why.replace("|", "\\|").replace(str(HERE), "test/gpu")
        text.append(f"| {check.name} | {check.status} | {seconds[0]} | {seconds[1]} | {remark} |")
    block = "\n".join([*text, end])
    old = options.page.read_text() if options.page.exists() else "# Compatibility\n\nWhat unmodified programs do on a remote GPU.\n"
    new = re.sub(re.escape(begin) + ".*?" + re.escape(end), lambda m: block, old, flags=re.S) if begin in old else old.rstrip("\n") + "\n\n" + block + "\n"
    options.page.write_text(new)

todo = list(checks())
if options.list:
    for check in todo: print(check.name, check.limit, "alone" if check.alone else "")
    sys.exit()
os.environ.update(PYTHONDONTWRITEBYTECODE="1", TOKENIZERS_PARALLELISM="false", XLA_PYTHON_CLIENT_PREALLOCATE="false", PYTHONFAULTHANDLER="1",
                  HF_HUB_OFFLINE="1", TF_CPP_MIN_LOG_LEVEL="2", COMPAT_TEMP=tempfile.mkdtemp(prefix="compat."),
                  NCCL_NVLS_ENABLE="0", TORCH_SYMM_MEM_DISABLE_MULTICAST="1", NVSHMEM_DISABLE_NVLS="1")  # NVLink multicast stays off
options.logs.mkdir(parents=True, exist_ok=True)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
run_all(todo)
shutil.rmtree(options.logs / "cache", ignore_errors=True)
shutil.rmtree(os.environ["COMPAT_TEMP"], ignore_errors=True)
count = {s: sum(c.status == s for c in todo) for s in ["PASS", "FAIL", "SKIP", "NOT RUN"]}
summary = f"{count['PASS']} passed, {count['FAIL']} failed, {count['SKIP']} skipped" + (f", {count['NOT RUN']} not run" if count["NOT RUN"] else "") + f" in {time.monotonic() - START:.0f} s"
(options.logs / "results").write_text("".join(line(c) + "\n" for c in todo))
page(todo, summary)
print(summary)
sys.exit(1 if count["FAIL"] or count["NOT RUN"] else 0)
