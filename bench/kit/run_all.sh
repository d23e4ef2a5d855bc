#!/bin/bash
# run_all.sh MODE OUT.jsonl [SUITE...]: every benchmark in the caller's environment (LD_LIBRARY_PATH, LD_PRELOAD, connection
# variables), JSON lines appended to OUT, everything else to OUT.log. MODE is only a label. A suite that fails, hangs or
# crashes leaves a line with "error". Needs BENCH_BIN, the folder that build.sh filled. BENCH_QUICK=1: smoke run.
MODE=${1:?mode}; OUT=$(realpath -m "${2:?output}"); shift 2; SUITES=${*:-micro llm train resnet ops}; HERE=$(dirname "$(realpath "$0")"); BIN=$(realpath "${BENCH_BIN:?}")
export PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TOKENIZERS_PARALLELISM=false; : > "$OUT"; : > "$OUT.log"
printf '{"suite":"meta","name":"run","mode":"%s","date":"%s","kernel":"%s","cpus":%d,"note":"%s"}\n' "$MODE" "$(date -u +%FT%TZ)" "$(uname -r)" "$(nproc)" "${BENCH_NOTE:-}" >> "$OUT"
for s in $SUITES; do
  t=$(date +%s.%N); limit=${SUITE_TIMEOUT:-150}
  g=${s#*:}; [ "$g" = "$s" ] && g=; case $s in micro*) cmd=("$BIN/micro" ${g//:/ });; *) cmd=(python3 "$HERE/${s%%:*}.py" ${g//:/ });; esac      # micro:launch:sync picks groups
  echo "=== ${cmd[*]}" >> "$OUT.log"
  timeout -k 5 "$limit" "${cmd[@]}" > "$OUT.part" 2>> "$OUT.log"; rc=$?
  grep '^{' "$OUT.part" >> "$OUT"; grep -v '^{' "$OUT.part" | uniq -c >> "$OUT.log"; rm -f "$OUT.part"
  wall=$(awk -v a="$t" -v b="$(date +%s.%N)" 'BEGIN{printf "%.2f", b-a}')
  [ $rc = 0 ] || printf '{"suite":"%s","name":"suite","error":"exit %d after %s s%s"}\n' "${s%%:*}" $rc "$wall" "$([ $rc = 124 ] || [ $rc = 137 ] && echo ' (time limit)')" >> "$OUT"
  printf '{"suite":"%s","name":"wall","value":%s,"unit":"s","rc":%d}\n' "${s%%:*}" "$wall" $rc >> "$OUT"
  echo "$MODE $s rc=$rc ${wall}s" >&2
done
