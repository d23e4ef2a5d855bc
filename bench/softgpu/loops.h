// The plain loops of loops.cpp.
#pragma once
namespace loops {
void vector_add(const float* a, const float* b, float* c, unsigned n);
void matmul(const float* a, const float* b, float* c, int n);
void reduce_blocks(const float* in, float* out, unsigned n);
float reduce(const float* in, unsigned n);
void mandelbrot(int* out, int width, int height, int limit);
}  // namespace loops
