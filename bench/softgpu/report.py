"""Turns the figures of script/bench softgpu into docs/benchmarks-softgpu.md: figure, target, the software GPU, the plain loop, their ratio."""
import datetime, json, pathlib, sys

machine, folder = sys.argv[1], pathlib.Path(sys.argv[2])

def load(*names):   # the best of the repeats
    rows = {}
    for name in names:
        for line in (folder / name).read_text().splitlines():
            row = json.loads(line)
            old = rows.get(row["name"])
            smaller = row["unit"] in ("us", "ms")
            if not old or (row["gpu"] < old["gpu"]) == smaller:
                rows[row["name"]] = row | ({"loop": max(row["loop"], old.get("loop", 0))} if old and "loop" in row else {})
            elif "loop" in row:
                old["loop"] = max(row["loop"], old["loop"])
    return rows

one, wall1, wall2 = (load(*sorted(p.name for p in folder.glob(pattern))) for pattern in ("one.*.jsonl", "cores1.*.jsonl", "cores2.*.jsonl"))
TARGETS = {   # the target in words, whether row r meets it
    "tiled matmul": ("≥ 1.5 GFLOP/s", lambda r: r["gpu"] >= 1.5),
    "shared-memory reduction": ("≥ 0.2 Gelem/s", lambda r: r["gpu"] >= 0.2),
    "vector add": ("≥ 1 GB/s", lambda r: r["gpu"] >= 1),
    "Mandelbrot": ("loop ≤ 40 × as fast", lambda r: r["loop"] / r["gpu"] <= 40),
    "launch of an empty kernel": ("≤ 5 us", lambda r: r["gpu"] <= 5),
    "load of 1 MB of PTX": ("≤ 150 ms", lambda r: r["gpu"] <= 150),
    "load of the same 1 MB again": ("≤ 20 ms", lambda r: r["gpu"] <= 20),
}

print("# Benchmarks of the software GPU\n")
print(f"`script/bench softgpu`, {datetime.date.today()}: {machine}. One core, CPU time, the best of several runs; \"loop\" is the same work as plain C++")
print("loops compiled by `g++ -O2` ([loops.cpp](../bench/softgpu/loops.cpp)), in the same process.\n")
print("| figure | target | software GPU | loop | loop / software GPU | met |\n|---|---|---|---|---|---|")
for name, r in one.items():
    words, met = TARGETS.get(name, ("", None))
    loop = f"{r['loop']:.3g} {r['unit']}" if "loop" in r else "–"
    ratio = f"{r['loop'] / r['gpu']:.2f}" if "loop" in r else "–"
    print(f"| {name} | {words} | {r['gpu']:.3g} {r['unit']} | {loop} | {ratio} | {'' if met is None else 'yes' if met(r) else 'no'} |")

print("\nTwo cores against one (`SOFTGPU_THREADS`), wall time, the best of several runs; target ≥ 1.8 ×:\n")
print("| figure | one core | two cores | ratio | met |\n|---|---|---|---|---|")
for name, r in wall2.items():
    ratio = r["gpu"] / wall1[name]["gpu"]
    print(f"| {name} | {wall1[name]['gpu']:.3g} {r['unit']} | {r['gpu']:.3g} {r['unit']} | {ratio:.2f} | {'yes' if ratio >= 1.8 else 'no'} |")
