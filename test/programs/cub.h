// Calls one of CUB's functions the way they want it: once for the size of the workspace, once to work.
#pragma once
#include "buffer.h"

template <typename Call>
void with_workspace(Call call) {  // call(workspace, bytes)
  size_t bytes = 0;
  CHECK(call((void*)nullptr, bytes));
  Buffer<char> workspace(bytes + 1);
  CHECK(call((void*)workspace.data, bytes));
}
