"""Turns the figures of script/bench into docs/benchmarks.md: native, native again (noise), remote, their ratio, the target and whether it is met."""
import datetime, json, pathlib, sys

machine, folder = sys.argv[1], pathlib.Path(sys.argv[2])

def load(name):
    rows = [json.loads(line) for line in (folder / name).read_text().splitlines() if line.startswith("{")]
    return {row["name"]: row for row in rows}

native, again, remote = load("native.jsonl"), load("native2.jsonl"), load("remote.jsonl")
# figure: (the target in words, whether native n and remote r meet it)
TARGETS = {
    "launch, CPU of the launching thread": ("≤ 1 us", lambda n, r: r <= 1),
    "launch, end to end": ("≤ 1.1 × native", lambda n, r: r <= 1.1 * n),
    "launch from 4 threads, end to end": ("≤ 1.1 × native", lambda n, r: r <= 1.1 * n),
    "launch and synchronise, p50": ("≤ native + 25 us", lambda n, r: r <= n + 25),
    "copy to the device, 1 GB pinned": ("≥ 5 GB/s", lambda n, r: r >= 5),
    "copy to the host, 1 GB pinned": ("≥ 5 GB/s", lambda n, r: r >= 5),
    "resident memory that CUDA added to the program": ("≤ 32 MiB", lambda n, r: r <= 32),
    "worker's session above the driver's own": ("≤ 200 MiB", lambda n, r: r <= 200),
}
program, session = native.get("resident memory of the program"), remote.get("resident memory of the worker's session")
if program and session: remote["worker's session above the driver's own"] = session | {"name": "", "value": session["value"] - program["value"]}

def number(row): return "–" if not row else row["error"] if "error" in row else f"{row['value']:.3g}" if abs(row["value"]) < 1000 else f"{row['value']:.0f}"

print("# Benchmarks\n")
print(f"`script/bench`, {datetime.date.today()}: {machine}. Client and worker on one host over TCP loopback, native before and after in the same run, same")
print("binaries. The ratio counts; \"again\" shows how far two native runs differ.\n")
print("| figure | unit | native | again | remote | remote / native | target | met |\n|---|---|---|---|---|---|---|---|")
for name in dict.fromkeys([*native, *remote]):
    n, r = native.get(name), remote.get(name)
    ratio = f"{r['value'] / n['value']:.2f}" if n and r and n.get("value") and "value" in r else "–"
    target, met = "", ""
    if name in TARGETS:
        target, test = TARGETS[name]
        met = "no" if not r or "value" not in r or not test(n["value"] if n else 0, r["value"]) else "yes"
    print(f"| {name} | {(r or n).get('unit', '')} | {number(n)} | {number(again.get(name))} | {number(r)} | {ratio} | {target} | {met} |")
