// Names and texts of error codes, before cuInit too; unknown codes are refused and give NULL.
#include "check.h"

int main() {
  const char* text = "x";
  CU(cuGetErrorName(CUDA_ERROR_OUT_OF_MEMORY, &text));
  CHECK(strcmp(text, "CUDA_ERROR_OUT_OF_MEMORY") == 0);
  CU(cuGetErrorString(CUDA_ERROR_OUT_OF_MEMORY, &text));
  CHECK(strcmp(text, "out of memory") == 0);
  CU(cuGetErrorName(CUDA_SUCCESS, &text));
  CHECK(strcmp(text, "CUDA_SUCCESS") == 0);
  CU(cuGetErrorString(CUDA_SUCCESS, &text));
  CHECK(strcmp(text, "no error") == 0);
  CU(cuGetErrorString(CUDA_ERROR_ILLEGAL_ADDRESS, &text));
  CHECK(strcmp(text, "an illegal memory access was encountered") == 0);
  CU(cuGetErrorName(CUDA_ERROR_NOT_SUPPORTED, &text));
  CHECK(strcmp(text, "CUDA_ERROR_NOT_SUPPORTED") == 0);
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuGetErrorName((CUresult)12345, &text));
  CHECK(text == nullptr);
  text = "x";
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuGetErrorString((CUresult)12345, &text));
  CHECK(text == nullptr);
}
