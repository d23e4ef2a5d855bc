#!/bin/sh
# Writes small_<how>.fatbin from small.cu: PTX for two targets, stored plain, as LZ4 and as zstd, and machine code only. Needs nvcc 13.
set -e
cd "$(dirname "$0")"
nvcc="${NVCC:-nvcc}"
ptx="-gencode arch=compute_75,code=compute_75 -gencode arch=compute_120,code=compute_120"
"$nvcc" -fatbin $ptx --compress-mode=none -o small_plain.fatbin small.cu
"$nvcc" -fatbin $ptx --compress-mode=speed -o small_lz4.fatbin small.cu
"$nvcc" -fatbin $ptx --compress-mode=size -o small_zstd.fatbin small.cu
"$nvcc" -fatbin -gencode arch=compute_75,code=sm_75 -o small_elf.fatbin small.cu
