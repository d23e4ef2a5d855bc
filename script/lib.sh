# Shared by the scripts of this folder; sourced, never run. Paths, quiet steps, the CUDA compiler, a worker on a free port.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$ROOT/build
DIST=${DIST:-$BUILD/release/dist}
LOGS=$BUILD/log
WORKER_PID=

# step WHAT COMMAND...: runs it quietly, says how long it took; on failure prints the end of what it wrote. (In a function that is run
# this way `set -e` does not hold: each of its commands that matters says `|| return`.)
step() {
  local what=$1 log start=$SECONDS
  shift
  mkdir -p "$LOGS"
  log=$LOGS/$(tr -cs 'a-zA-Z0-9\n' '-' <<<"$what").log
  printf '%s ... ' "$what"
  if "$@" >"$log" 2>&1; then
    echo "$((SECONDS - start)) s"
  else
    local status=$?
    echo "FAILED (exit $status); the end of $log:"
    tail -n 40 "$log"
    return $status
  fi
}

# The builds. Only what is shipped for the demo; everything, tests included, for script/test.
configure() { # configure PRESET [CMAKE-ARGUMENTS...]
  local preset=$1
  shift
  cmake -S "$ROOT" --preset "$preset" "$@"
}
build() {
  local preset=$1
  shift
  [ -f "$BUILD/$preset/build.ninja" ] || configure "$preset" || return
  ninja -C "$BUILD/$preset" "$@"
}

# Sets NVCC: the one given, or of this machine's toolkit when that is 12 or newer, or of NVIDIA's wheels in build/toolchain.
# Programs compiled by it without further flags carry PTX, so they run on any GPU and on the software GPU.
WHEELS="nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-runtime==13.0.96
        nvidia-cuda-cccl==13.0.85 nvidia-nvml-dev==13.0.87"
toolchain_root() { echo "$BUILD"/toolchain/lib/python3*/site-packages/nvidia/cu13; }
nvcc_usable() {
  local version
  version=$("$1" --version 2>/dev/null | sed -n 's/.*release \([0-9]*\)\..*/\1/p') && [ "${version:-0}" -ge 12 ]
}
install_toolchain() {
  [ -f "$BUILD/toolchain/complete" ] && return
  rm -rf "$BUILD/toolchain"
  python3 -m venv "$BUILD/toolchain" || return
  # shellcheck disable=SC2086
  "$BUILD/toolchain/bin/pip" install -q --disable-pip-version-check --no-deps $WHEELS || return
  local root
  root=$(toolchain_root)
  ln -sfn lib "$root/lib64"                           # nvcc looks there
  ln -sf libcudart.so.13 "$root/lib/libcudart.so"     # for -cudart shared
  nvcc_usable "$root/bin/nvcc" || return
  touch "$BUILD/toolchain/complete"
}
cuda_compiler() {
  for NVCC in "${NVCC:-}" "$(command -v nvcc || true)" /usr/local/cuda/bin/nvcc; do
    [ -n "$NVCC" ] && nvcc_usable "$NVCC" && return
  done
  [ -f "$BUILD/toolchain/complete" ] || step "install NVIDIA's compiler wheels into build/toolchain" install_toolchain
  NVCC=$(toolchain_root)/bin/nvcc
}

# numba-cuda and what it needs, in build/numba (250 MB to download). Not nvJitLink: without it numba links with the driver's linker, which
# keeps PTX where the software GPU can run it.
NUMBA="numba-cuda==0.30.4 numba==0.68.1 llvmlite==0.50.0 numpy==2.4.6 cuda-bindings==13.5.0 cuda-core==1.2.2 cuda-pathfinder==1.9.0
       packaging==26.3 nvidia-nvvm==13.0.88 nvidia-cuda-nvrtc==13.0.88 nvidia-cuda-runtime==13.0.96"
install_numba() {
  [ "$(cat "$BUILD/numba/complete" 2>/dev/null)" = "$NUMBA" ] && return
  rm -rf "$BUILD/numba"
  python3 -m venv "$BUILD/numba" || return
  # shellcheck disable=SC2086
  "$BUILD/numba/bin/pip" install -q --disable-pip-version-check --no-deps $NUMBA || return
  printf '%s' "$NUMBA" >"$BUILD/numba/complete"
}

# nvidia-ml-py and two of its users, in build/nvml.
NVML_TOOLS="nvidia-ml-py==13.615.71 gpustat==1.1.1 nvitop==1.7.2 psutil==7.2.2 blessed==1.52.0 wcwidth==0.9.4 jinxed==2.1.0"
install_nvml_tools() {
  [ "$(cat "$BUILD/nvml/complete" 2>/dev/null)" = "$NVML_TOOLS" ] && return
  rm -rf "$BUILD/nvml"
  python3 -m venv "$BUILD/nvml" || return
  # shellcheck disable=SC2086
  "$BUILD/nvml/bin/pip" install -q --disable-pip-version-check --no-deps $NVML_TOOLS || return
  printf '%s' "$NVML_TOOLS" >"$BUILD/nvml/complete"
}

# compile_cuda SOURCE BINARY [FLAGS...]: again only when the source or a header beside it is newer.
compile_cuda() {
  local source=$1 binary=$2
  shift 2
  [ -n "$(find "$source" "$(dirname "$source")" -maxdepth 1 \( -samefile "$source" -o -name '*.h' \) -newer "$binary" 2>&1)" ] || return 0
  mkdir -p "$(dirname "$binary")"
  "$NVCC" -O2 "$@" -o "$binary" "$source"
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
listening() { grep -qi ":$(printf %04X "$1") 0*:0000 0A" /proc/net/tcp /proc/net/tcp6 2>/dev/null; }

# start_worker LOG [OPTIONS...]: a worker on a free port; sets WORKER_PID, PORT and the client's connection variable.
start_worker() {
  local log=$1 tries
  shift
  mkdir -p "$(dirname "$log")"
  for _ in 1 2 3; do
    PORT=$(free_port)
    TF_ENABLE_LOG=1 TF_LOG_LEVEL=${WORKER_LOG_LEVEL:-warn} "$DIST/worker/tensor-fusion-worker" -n native -p "$PORT" "$@" >"$log" 2>&1 &
    WORKER_PID=$!
    for ((tries = 0; tries < 300; tries++)); do
      if listening "$PORT" && sleep 0.05 && kill -0 "$WORKER_PID" 2>/dev/null; then # it may listen and then find no driver
        export TENSOR_FUSION_OPERATOR_CONNECTION_INFO=native+127.0.0.1+$PORT+0
        return
      fi
      kill -0 "$WORKER_PID" 2>/dev/null || break # the port was taken in between: try another
      sleep 0.05
    done
    stop_worker
  done
  echo "the worker did not start; its log $log ends:" >&2
  tail -n 20 "$log" >&2
  return 1
}
stop_worker() {
  [ -n "$WORKER_PID" ] || return 0
  kill "$WORKER_PID" 2>/dev/null || true
  wait "$WORKER_PID" 2>/dev/null || true
  WORKER_PID=
}
