// One kernel and one variable, for the forms in which a module can arrive: `regenerate` makes small.zstd.fatbin and
// small.lz4.fatbin (compressed PTX inside) and small.sm75.fatbin (machine code of one old GPU, no PTX).
__device__ unsigned mark = 7;
extern "C" __global__ void stamp(unsigned* out) { out[threadIdx.x] = mark * 100 + threadIdx.x; }
