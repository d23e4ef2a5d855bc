"""Runs the checks of the compat_*.py files natively and through the client, many at once, and writes the results page; called by script/compat, which
starts the worker and sets COMPAT_CLIENT (the client's folder). A check is a line `def check_NAME():` in such a file. Several of a file run in one process,
natively and remotely at the same time; a comment on that line may say `own` (a process of its own), `env A=B` (the same, with that variable), `alone` (at the
end, nothing beside it), `remote` (only through the client; the exit status decides), `limit 200` (seconds; 60 otherwise), `cores 3` (slots that
it takes), `asked` (run only if --only is its whole name: it cannot work remotely).
PASS: natively fine and remotely equal. SKIP: it failed natively, so it says nothing. What differs remotely is run once more on both sides: then a remote run must be
equal to a native one, or at least in all lines in which the native runs agree. (XLA's autotuner and cuDNN's heuristics choose kernels by what they measure; texts list
their details in any order.) The page says so."""
import argparse, difflib, os, pathlib, re, resource, shutil, signal, subprocess, sys, tempfile, threading, time

HERE = pathlib.Path(__file__).resolve().parent
arguments = argparse.ArgumentParser()
arguments.add_argument("--only", default=".")
arguments.add_argument("--skip", default="^$")
arguments.add_argument("--gpus", type=int, default=1)
arguments.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
arguments.add_argument("--limit", type=int, default=420, help="seconds for everything")
arguments.add_argument("--logs", type=pathlib.Path, required=True)
arguments.add_argument("--page", type=pathlib.Path, required=True)
arguments.add_argument("--native", action="store_true", help="compare two native runs: what differs then is the check's own doing")
arguments.add_argument("--keep", action="store_true", help="rows of the page whose checks do not run now stay")
arguments.add_argument("--list", action="store_true")
options = arguments.parse_args()
START = time.monotonic()
CLIENT = os.environ.get("COMPAT_CLIENT", "")
TOGETHER = 7     # checks in one process
IMPORTING = 90   # seconds that a process may take before its first check
turn = threading.Condition()
free = [options.jobs]

class Check:
    def __init__(self, path, name, words):
        self.path, self.short, self.name = path, name, f"{path.stem.removeprefix('compat_')}.{name}"
        number = lambda word, default: int(m[1]) if (m := re.search(rf"\b{word} (\d+)", words)) else default
        self.limit, self.cores = number("limit", 60), number("cores", 1)
        self.alone, self.remote_only = bool(re.search(r"\balone\b", words)), bool(re.search(r"\bremote\b", words))
        self.environment = dict(pair.split("=", 1) for pair in re.findall(r"\benv (\S+=\S+)", words))
        self.own = self.alone or self.remote_only or bool(self.environment) or bool(re.search(r"\bown\b", words))
        self.status, self.why, self.seconds = "NOT RUN", "no time was left", {}

class Outcome:
    def __init__(self, status, lines, seconds, errors):
        self.status, self.lines, self.seconds, self.errors = status, lines, seconds, errors  # status: 0, "failed", "exit N", "time limit"

def checks():
    for path in sorted(HERE.glob("multi_*.py" if options.gpus > 1 else "compat_*.py")):
        if path.name == "compat_run.py": continue
        for name, words in re.findall(r"^def check_(\w+)\(\):(.*)$", path.read_text(), re.M):
            check = Check(path, name, words.partition("#")[2])
            if re.search(r"\basked\b", words) and not re.fullmatch(options.only, check.name): continue
            if re.search(options.only, check.name) and not re.search(options.skip, check.name): yield check

def groups(todo):
    """Lists of checks that share a process, the longest first."""
    made = [[c] for c in todo if c.own]
    for path in dict.fromkeys(c.path for c in todo):
        together = [c for c in todo if c.path == path and not c.own]
        parts = -(-len(together) // TOGETHER)
        made += [together[i::parts] for i in range(parts)]
    return sorted(made, key=lambda g: -sum(c.limit for c in g) / len(g) ** 0.5)

def environment(check, mode, logs):
    env = {**os.environ, **check.environment}
    caches = options.logs / "cache" / mode  # own caches: what one has compiled must not spare the other
    for name in ["TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUPY_CACHE_DIR", "CUDA_CACHE_PATH", "NUMBA_CACHE_DIR", "MPLCONFIGDIR"]:
        env[name] = str(caches / name.lower() / check.name)
    if mode.startswith("remote"):
        env["LD_LIBRARY_PATH"] = CLIENT + ":" + env.get("LD_LIBRARY_PATH", "")
        env |= {"COMPAT_REMOTE": "1", "TF_ENABLE_LOG": "1", "TF_LOG_LEVEL": "warn", "TF_LOG_PATH": f"{logs}.client"}
    else: env.pop("TENSOR_FUSION_OPERATOR_CONNECTION_INFO", None)
    return env

def sections(text):
    """Of a process's output: check: [its lines, how it ended or None]."""
    found, current = {}, None
    for line in text.splitlines(keepends=True):
        if line.startswith("@@"):  # counts when it is whole: the process may be writing it just now
            words = line.split() if line.endswith("\n") else []
            if words[1:2] == ["begin"] and len(words) == 3: current = found[words[2]] = [[], None]
            elif words[1:2] == ["end"] and len(words) == 5 and current:
                current[1] = words[3]
                current = None
        elif current: current[0].append(line.rstrip("\n"))
    return found

def process(group, mode, number):
    """Runs the group's checks in one process as far as it gets; {check: Outcome} of those that began, or of the first if none did."""
    logs = options.logs / f"{group[0].name}.{mode}{number or ''}"
    out, err = pathlib.Path(f"{logs}.out"), pathlib.Path(f"{logs}.err")
    with out.open("w") as stdout, err.open("w") as stderr:
        child = subprocess.Popen([sys.executable, str(group[0].path), *(c.short for c in group)], env=environment(group[0], mode, logs),
            stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True, cwd=HERE)
    limits, began, started, late = {c.short: c.limit for c in group}, {}, time.monotonic(), False
    while child.poll() is None:
        time.sleep(0.1)
        now, running = time.monotonic(), None
        for name, (_, ended) in sections(out.read_text(errors="replace")).items():
            began.setdefault(name, now)
            if ended is None: running = name
        since = (now - began[running], limits.get(running, 60)) if running else (now - max([started, *began.values()]), IMPORTING)
        if since[0] > since[1] or now - START > options.limit:
            late = True
            for stop, patience in [(signal.SIGABRT, 2), (signal.SIGKILL, 5)]:  # at the first faulthandler writes where Python stood
                try:
                    os.killpg(child.pid, stop)
                    child.wait(patience)
                except (subprocess.TimeoutExpired, ProcessLookupError): pass
    try: os.killpg(child.pid, signal.SIGKILL)  # what it left running
    except ProcessLookupError: pass
    code = "time limit" if late else f"exit {child.returncode}"
    parts, errors = sections(out.read_text(errors="replace")), sections(err.read_text(errors="replace"))
    result = {}
    for check in group:
        if check.short not in parts: continue
        lines, ended = parts[check.short]
        stderr = errors.get(check.short, [[]])[0] if ended != "ok" else []
        result[check] = Outcome(0 if ended == "ok" else "failed" if ended else code, lines, time.monotonic() - began.get(check.short, started),
            stderr)
        if ended:
            if m := re.search(rf"^@@ end {check.short} \w+ ([\d.]+)", out.read_text(errors="replace"), re.M):
                result[check].seconds = float(m[1])
    if not result:
        result = {c: Outcome(code, [], time.monotonic() - started, err.read_text(errors="replace").splitlines()) for c in group}
    return result

def run(group, mode):
    """All of the group, in as many processes as it takes, in its slots."""
    slots, result, left = min(max(c.cores for c in group), options.jobs), {}, list(group)
    with turn:
        turn.wait_for(lambda: free[0] >= slots)
        free[0] -= slots
    try:
        while left and time.monotonic() - START < options.limit - 5:
            part = process(left, mode, len(group) - len(left))
            result |= part
            left = [c for c in left if c not in part]
    finally:
        with turn:
            free[0] += slots
            turn.notify_all()
    return result

def last_words(outcome):
    errors = [l for l in outcome.errors if l.strip() and not l.startswith("Extension modules")]
    for line in reversed(errors):
        if re.match(r"^[\w.]*(Error|Exception|Interrupt|Exit)\b", line) or "Fatal" in line: return line[:220]
    return (errors or outcome.lines or ["no output"])[-1][:220]

counted = lambda lines: [l for l in lines if not re.match(r"~|(near|time) \S+ \S+( \S+)?$", l)]
def difference(native, remote):
    """The first difference that counts, or None."""
    a, b = counted(native), counted(remote)
    if a != b:
        changed = [l for l in difflib.unified_diff(a, b, lineterm="", n=0) if re.match(r"^[-+](?![-+])", l)]
        return "; ".join((("native: " if l[0] == "-" else "remote: ") + l[1:]).strip()[:160] for l in changed[:4]) or "differs"
    for word in ["near", "time"]:
        ours, theirs = ({p[1]: p[2:] for l in lines if (p := l.split()) and p[0] == word and len(p) in (3, 4)} for lines in (native, remote))
        for name, (value, *rest) in ours.items():
            if name not in theirs: return f"remote printed no {name}"
            value, other = float(value), float(theirs[name][0])
            if word == "near" and not (abs(other - value) <= 1e-3 * max(1e-30, abs(value)) or (other != other and value != value)):
                return f"{name}: native {value:g}, remote {other:g}"
            if word == "time" and other > float(rest[0]) * value + 0.05:
                return f"{name}: native {value:.3g} s, remote {other:.3g} s, more than {rest[0]} times"
    return None

def strangers(lines):
    """Drivers that are not the client's in the memory of a remote process."""
    return [p for l in lines if l.startswith("~ maps") for p in l.split()[2:] if CLIENT
        and not os.path.realpath(p).startswith(os.path.realpath(CLIENT))]

def second_look(natives, remotes, problem):
    """What is left of the problem after up to two runs on each side, and remarks."""
    words = ["first", "second"]
    for i, ours in enumerate(natives):
        for k, theirs in enumerate(remotes):
            if not difference(ours.lines, theirs.lines): return None, [f"the {words[k]} remote run equals the {words[i]} native one"]
    a, c = (counted(r.lines) for r in (natives[0], natives[-1]))
    steady = [i for i, (x, y) in enumerate(zip(a, c)) if x == y]
    for theirs in remotes if len(a) == len(c) != len(steady) else []:  # in the lines in which the native runs agree
        b = counted(theirs.lines)
        if len(b) == len(a) and not difference([a[i] for i in steady] + [l for l in natives[0].lines if l not in a],
            [b[i] for i in steady] + [l for l in theirs.lines if l not in b]):
            return None, [f"{len(a) - len(steady)} of {len(a)} lines differ between two native runs too"]
    return problem, []

def judge(check, native, remote, again=None, remote_again=None):
    """Sets the check's status; True if both are wanted once more first."""
    for label, outcome in (("native", native), ("remote", remote)):
        if outcome: check.seconds[label] = outcome.seconds
    if not check.remote_only:
        if not native: return False
        if native.status:
            check.status, check.why = "SKIP", f"natively {native.status}: {last_words(native)}"
            return False
    if not remote: return False
    problem = f"{remote.status}: {last_words(remote)}" if remote.status else None
    remarks = []
    if not problem and not check.remote_only:
        problem = difference(native.lines, remote.lines)
        if problem and not again: return True
        if problem: problem, remarks = second_look([r for r in (native, again) if not r.status], [r for r in (remote, remote_again) if not r.status], problem)
    if not problem and not options.native and strangers(remote.lines):
        problem = "not only the client's libraries were loaded: " + " ".join(strangers(remote.lines))
    base = {l.split()[1]: float(l.split()[2]) for l in (native.lines if native else []) if re.match(r"time \S+ \S+ \S+$", l)}
    remarks += [f"{w[1]} {float(w[2]):.3g} s, native {base.get(w[1], 0):.3g}" for l in remote.lines if re.match(r"time \S+ \S+ \S+$", l)
        and (w := l.split())]
    check.status, check.why = ("FAIL", problem) if problem else ("PASS", "; ".join(remarks))
    return False

def perform(group):
    answers = {}
    other = "second" if options.native else "remote"
    def one(mode):
        try: answers[mode] = run(group, mode)
        except Exception as e:
            answers[mode] = {c: Outcome("the runner failed", [], 0, [f"{type(e).__name__}: {e}"]) for c in group}
    both = [other] if group[0].remote_only else ["native", other]
    if group[0].alone:
        for mode in both: one(mode)
    else:
        threads = [threading.Thread(target=one, args=(m,), daemon=True) for m in both]
        for t in threads: t.start()
        for t in threads: t.join()
    native, remote = answers.get("native", {}), answers.get(other, {})
    doubtful = [c for c in group if judge(c, native.get(c), remote.get(c))]
    again = {}
    def once_more(mode): again[mode] = run(doubtful, mode)
    threads = [threading.Thread(target=once_more, args=(m,), daemon=True) for m in ["again", f"{other}_again"] if doubtful]
    for t in threads: t.start()
    for t in threads: t.join()
    for check in doubtful:
        judge(check, native.get(check), remote.get(check), *(again.get(m, {}).get(check) or Outcome("not run", [], 0, []) for m in ["again", f"{other}_again"]))
    with turn:
        for check in group: print(f"{time.monotonic() - START:5.0f} s", line(check), flush=True)

def line(check):
    seconds = ", ".join(f"{k} {v:.1f} s" for k, v in check.seconds.items())
    return f"{check.status} {check.name} ({seconds}){': ' + check.why if check.why else ''}"

def run_all(todo):
    def safely(group):
        try: perform(group)
        except Exception as e:
            for check in group: check.status, check.why = "FAIL", f"the runner: {type(e).__name__}: {e}"
            print(line(group[0]), flush=True)
    threads = [threading.Thread(target=safely, args=(g,), daemon=True) for g in groups([c for c in todo if not c.alone])]
    for thread in threads:
        thread.start()
        time.sleep(0.05)  # they ask for their slots in this order
    for thread in threads: thread.join()
    for group in groups([c for c in todo if c.alone]): safely(group)

def page(todo, summary):
    """Replaces the generated part of the page, or appends it. With --keep, rows of checks that did not run this time stay as they were."""
    title = "## Checked on an H200" if options.gpus == 1 else f"## Checked on {options.gpus} H200s"
    mark = "checked" if options.gpus == 1 else f"checked-{options.gpus}"
    begin, end = f"<!-- {mark}: begin, written by script/compat -->", f"<!-- {mark}: end -->"
    text = [begin, title, "",
        f"`script/compat run{f' --gpus {options.gpus}' if options.gpus > 1 else ''}`, {time.strftime('%F', time.gmtime())}: {os.environ.get('COMPAT_MACHINE', '')}. **{summary}.**",
        "",
            "Every check ran natively and through client, TCP on one host and a worker on the same driver; what it printed (digests of every bit, types, error texts) had to be equal.",
            "Times are those of the check alone, without the start of its process, many running at once.", "",
            "| check | result | native, s | remote, s | remark |", "|---|---|---|---|---|"]
    old = options.page.read_text() if options.page.exists() else "# Compatibility\n"
    ORDER = ["FAIL", "NOT RUN", "SKIP", "PASS"]
    rows = []
    if options.keep and begin in old:
        was = old.split(begin)[1].split(end)[0]
        rows = [(ORDER.index(cells[2]), cells[1], row) for row in was.splitlines() if (cells := [c.strip() for c in row.split("|")])[2:] and cells[2] in ORDER
            and cells[1] not in {c.name for c in todo}]
        count = [sum(r[0] == i for r in rows) + sum(ORDER.index(c.status) == i for c in todo) for i in range(len(ORDER))]
        text[4:4] = ["", f"{len(rows)} of the rows below are of a run before this one; in all **{count[3]} passed, {count[0]} failed, {count[2]} skipped, {count[1]} not run.**"]
    for check in todo:
        seconds = [f"{check.seconds[k]:.1f}" if k in check.seconds else "–" for k in ("native", "remote")]
        remark = check.why.replace("|", "\\|").replace("<", "&lt;").replace(str(HERE), "test/gpu")
        rows.append((ORDER.index(check.status), check.name, f"| {check.name} | {check.status} | {seconds[0]} | {seconds[1]} | {remark} |"))
    block = "\n".join([*text, *(row for _, _, row in sorted(rows)), end])
    new = re.sub(re.escape(begin) + ".*?" + re.escape(end), lambda m: block, old,
        flags=re.S) if begin in old else old.rstrip("\n") + "\n\n" + block + "\n"
    options.page.write_text(new)

todo = list(checks())
if options.list:
    for group in groups(todo):
        print(*(c.name for c in group), f"(limit {max(c.limit for c in group)}{', alone' if group[0].alone else ''})")
    sys.exit()
os.environ.update(PYTHONDONTWRITEBYTECODE="1", TOKENIZERS_PARALLELISM="false", XLA_PYTHON_CLIENT_PREALLOCATE="false", PYTHONFAULTHANDLER="1",
    OMP_NUM_THREADS="2", TORCHINDUCTOR_COMPILE_THREADS="4",
                  HF_HUB_OFFLINE="1", TF_CPP_MIN_LOG_LEVEL="2", COMPAT_TEMP=tempfile.mkdtemp(prefix="compat."),
                  NCCL_NVLS_ENABLE="0", TORCH_SYMM_MEM_DISABLE_MULTICAST="1", NVSHMEM_DISABLE_NVLS="1")  # NVLink multicast stays off
options.logs.mkdir(parents=True, exist_ok=True)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
run_all(todo)
shutil.rmtree(options.logs / "cache", ignore_errors=True)
shutil.rmtree(os.environ["COMPAT_TEMP"], ignore_errors=True)
count = {s: sum(c.status == s for c in todo) for s in ["PASS", "FAIL", "SKIP", "NOT RUN"]}
summary = f"{count['PASS']} passed, {count['FAIL']} failed, {count['SKIP']} skipped" + (f", {count['NOT RUN']} not run" if count["NOT RUN"]
    else "") + f" in {time.monotonic() - START:.0f} s"
(options.logs / "results").write_text("".join(line(c) + "\n" for c in todo))
page(todo, summary)
print(summary)
sys.exit(1 if count["FAIL"] or count["NOT RUN"] else 0)
