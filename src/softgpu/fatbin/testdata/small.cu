// One kernel for the fat binary tests: small_<how>.fatbin are made from it by regenerate.sh.
extern "C" __global__ void small(int* p) { p[threadIdx.x] = threadIdx.x * 3; }
