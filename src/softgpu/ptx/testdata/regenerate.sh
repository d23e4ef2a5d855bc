#!/bin/sh
# Writes kernels_<arch>.ptx and advanced_<arch>.ptx. Needs nvcc 13 (NVCC=path); the tests themselves do not.
set -e
cd "$(dirname "$0")"
make_ptx() {
  "${NVCC:-nvcc}" -std=c++17 -ptx -arch=compute_$2 -o $1_$2.ptx $1.cu
  sed -i -e '/^\/\/ /d' -e '/^\/\/$/d' $1_$2.ptx
}
for arch in 75 80 90 120; do make_ptx kernels $arch; done
for arch in 80 90 120; do make_ptx advanced $arch; done
