#!/bin/sh
# Writes kernels_<arch>.ptx from kernels.cu. Needs nvcc 13 (NVCC=path); the tests themselves do not.
set -e
cd "$(dirname "$0")"
for arch in 75 80 90 120; do
  "${NVCC:-nvcc}" -std=c++17 -ptx -arch=compute_$arch -o kernels_$arch.ptx kernels.cu
  sed -i -e '/^\/\/ /d' -e '/^\/\/$/d' kernels_$arch.ptx
done
