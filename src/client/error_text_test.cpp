// Names and texts of error codes.
#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>

#include "abi/cuda_abi.h"
#include "abi/nvml_abi.h"

namespace {

TEST(ErrorText, NamesAndTexts) {
  const char* text = nullptr;
  EXPECT_EQ(cuGetErrorName(CUDA_SUCCESS, &text), CUDA_SUCCESS);
  EXPECT_STREQ(text, "CUDA_SUCCESS");
  EXPECT_EQ(cuGetErrorString(CUDA_SUCCESS, &text), CUDA_SUCCESS);
  EXPECT_STREQ(text, "no error");
  EXPECT_EQ(cuGetErrorName(CUDA_ERROR_UNKNOWN, &text), CUDA_SUCCESS);
  EXPECT_STREQ(text, "CUDA_ERROR_UNKNOWN");
  EXPECT_EQ(cuGetErrorString(CUDA_ERROR_OUT_OF_MEMORY, &text), CUDA_SUCCESS);
  EXPECT_STREQ(text, "out of memory");
}

TEST(ErrorText, UnknownCodes) {
  const char* text = "x";
  EXPECT_EQ(cuGetErrorName(CUresult(9), &text), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(text, nullptr);
  text = "x";
  EXPECT_EQ(cuGetErrorString(CUresult(-1), &text), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(text, nullptr);
  EXPECT_EQ(cuGetErrorName(CUDA_SUCCESS, nullptr), CUDA_ERROR_INVALID_VALUE);
}

// 101 codes in CUDA 13.0's manual, each with a name of its own and a text.
TEST(ErrorText, AllCodesOnce) {
  std::set<std::string> names;
  for (int code = 0; code < 1000; code++) {
    const char *name, *text;
    if (cuGetErrorName(CUresult(code), &name) != CUDA_SUCCESS) continue;
    EXPECT_TRUE(names.insert(name).second) << name;
    ASSERT_EQ(cuGetErrorString(CUresult(code), &text), CUDA_SUCCESS);
    EXPECT_GT(strlen(text), 3u) << name;
  }
  EXPECT_EQ(names.size(), 101u);
}

TEST(ErrorText, Nvml) {
  EXPECT_STREQ(nvmlErrorString(NVML_SUCCESS), "Success");
  EXPECT_STREQ(nvmlErrorString(NVML_ERROR_NOT_FOUND), "Not Found");
  EXPECT_STREQ(nvmlErrorString(nvmlReturn_t(12345)), "Unknown Error");
}

}  // namespace
