// The other half of separate_main.cu: device code and a variable that are linked in from another file (-rdc=true).
__device__ int offset = 3;
__device__ int triple_and_shift(int value) { return 3 * value + offset; }
__global__ void shift_from_part(int* values) { values[threadIdx.x] = triple_and_shift(values[threadIdx.x]); }
