"""Turns the figures of script/bench into docs/benchmarks.md: native, native again (noise), over loopback, at a round trip of 0.3 ms, each with its share of native's speed, the target
and whether it is met, and beside them what the peer LUPINE reached. `report.py MACHINE FOLDER [quick]`."""
import datetime, json, pathlib, statistics, sys
from lupine import SLOWDOWN

machine, folder = sys.argv[1], pathlib.Path(sys.argv[2])
RATES = {"GB/s", "tok/s", "step/s", "img/s", "TFLOP/s"}  # more is better; of every other unit less is

def load(name):
    """By figure. One that comes several times (runs one after the other in a file) is its median."""
    rows = {}
    for line in (folder / name).read_text().splitlines() if (folder / name).exists() else []:
        try: row = json.loads(line)
        except ValueError: continue
        rows.setdefault(f"{row['suite']}.{row['name']}" if "suite" in row else row["name"], []).append(row)
    for figure, all_ in rows.items():
        values = [r["value"] for r in all_ if "value" in r]
        rows[figure] = all_[-1] | ({"value": statistics.median(values)} if values else {})
    return rows
native, again, near, far = (load(n + ".jsonl") for n in ("native", "native2", "remote", "far"))
program, session = native.get("resident memory of the program"), near.get("resident memory of the worker's session")
if program and session:
    near["worker's session above the driver's own"] = session | {"value": session["value"] - program["value"]}
sent = [sum(near.get(f"startup.{p}.image_bytes.{n}", {}).get("value", 0) for p in ("zeros", "matmul")) for n in ("first", "second")]
if sent[0]:
    near["startup: bytes of module images sent by the second start, of the first's"] = dict(value=100 * sent[1] / sent[0], unit="%")

def speed(name, row):
    """The share of native's speed; the mean of both native runs is 1."""
    values = [r[name]["value"] for r in (native, again) if r.get(name, {}).get("value")]
    if not values or not row or not row.get("value") or row.get("unit") in ("MiB", "bytes", "%", ""):
        return None
    base = sum(values) / len(values)
    return row["value"] / base if row["unit"] in RATES else base / row["value"]
def value(row): return row.get("value") if row else None
at_least = lambda share: (f"≥ {share:g} × native", lambda n, s, v: s is not None and s >= share)
below = lambda limit, unit: (f"≤ {limit:g} {unit}", lambda n, s, v: v is not None and v <= limit)
TARGETS = {  # figure: (in words, whether native's value n, the share of its speed s and the value v meet it)
    "llm.generate": at_least(0.95), "llm.graph": at_least(0.98), "llm.load": at_least(0.667), "ops.bert_b1": at_least(0.9),
    "train.small.train": at_least(0.95), "train.gpt2.train": at_least(0.95),
    "startup.zeros": at_least(0.769), "loops.jax_jit": at_least(0.909), "loops.cupy_elementwise": at_least(0.909),
    "startup: bytes of module images sent by the second start, of the first's": below(1, "%"),
    "launch, CPU of the launching thread": below(1, "us"), "launch, end to end": at_least(0.909),
    "launch from 4 threads, end to end": at_least(0.909),
    "launch and synchronise, p50": ("≤ native + 25 us", lambda n, s, v: v is not None and v <= n + 25),
    "copy to the device, 1 GB pinned": ("≥ 5 GB/s", lambda n, s, v: v is not None and v >= 5),
    "copy to the host, 1 GB pinned": ("≥ 5 GB/s", lambda n, s, v: v is not None and v >= 5),
    "resident memory that CUDA added to the program": below(32, "MiB"), "worker's session above the driver's own": below(200, "MiB"),
}
FAR_TARGETS = {"llm.generate": at_least(0.85)}

def number(row):
    return "–" if not row else "error" if "error" in row else f"{row['value']:.3g}" if abs(row["value"]) < 1000 else f"{row['value']:.0f}"
def share(s): return "–" if s is None else f"{s:.2f}" if s < 10 else f"{s:.0f}"
def answer(name):
    """Answers that differ from native's, in words."""
    wrong = []
    for label, rows in (("loopback", near), ("0.3 ms", far), ("native again", again)):
        a, b = native.get(name), rows.get(name)
        if not a or not b or not ({"near", "check"} & set(a)): continue
        same = abs(a["near"] - b["near"]) <= 1e-3 * max(1.0, abs(a["near"])) if "near" in a else a["check"] == b["check"]
        if not same:
            wrong.append(f"{name} ({label}: {b.get('near', b.get('check'))}, native {a.get('near', a.get('check'))})")
    return wrong

def table(names):
    print("| figure | unit | native | again | loopback | speed | RTT 0.3 ms | speed | target | met | LUPINE, loopback | RTT 0.4 |\n|" + "---|" * 12)
    for name in names:
        n, l, f = native.get(name), near.get(name), far.get(name)
        s, t = speed(name, l), speed(name, f)
        target, met = "", []
        if name in TARGETS:
            target = TARGETS[name][0]
            met.append(TARGETS[name][1](value(n) or 0, s, value(l)))
        if name in FAR_TARGETS and f:
            target += f"; far {FAR_TARGETS[name][0]}"
            met.append(FAR_TARGETS[name][1](value(n) or 0, t, value(f)))
        peer = [share(1 / x) if x else "–" for x in SLOWDOWN[name]] if name in SLOWDOWN else ["", ""]
        print(f"| {name} | {(l or n or f).get('unit', '')} | {number(n)} | {number(again.get(name))} | {number(l)} | {share(s)} | {number(f)} | {share(t)} | {target} | {' / '.join('yes' if m else 'no' for m in met)} | {' | '.join(peer)} |")

names = [n for n in dict.fromkeys([*native, *near, *far]) if any("value" in r.get(n, {}) or "error" in r.get(n, {}) for r in (native, near, far))
    and not n.startswith("meta.") and not n.endswith(".wall")]
wanted = [n for n in TARGETS if n in names]
micro = [n for n in names if n.startswith("micro.")]
path = (folder / "path").read_text().strip() if (folder / "path").exists() else ""
print("# Benchmarks\n")
print(f"`script/bench{' quick' if 'quick' in sys.argv else ''}`, {datetime.date.today()}: {machine}. Natively, through client and worker on one host over TCP loopback, the same over a path of 0.3 ms ({path or 'not measured'}), natively")
print("again; same binaries, one run. *Speed* is the share of native's (the mean of both runs): 1 is equal, less is slower. Rows that the CPU bounds differ by up to a half between two native runs.")
print("Beside them what the best peer, LUPINE, reached with the same kit on such a machine (`bench/lupine.py` says which version and when).\n")
wrong = [w for n in native for w in answer(n)]
answers = sum(1 for n in native if {"near", "check"} & set(native[n]) and n in near)
print(f"Answers compared: {answers}; " + ("all equal native's." if not wrong else "different: " + "; ".join(wrong) + ".") + "\n")
print("## Targets\n")
table(wanted)
print("\n## Applications\n")
table([n for n in names if n not in wanted and n not in micro])
print("\n## Single calls and copies\n")
table(micro)
