// User objects: a destructor runs once the program and every graph have given back their references.
#include <atomic>
#include <chrono>
#include <thread>

#include "check.h"

static std::atomic<int> destroyed{0};
static void destroy(void* by) { destroyed += *static_cast<int*>(by); }
static bool soon(int wanted) {          // the destructor may run on a thread of the driver's
  for (int i = 0; i < 2000 && destroyed != wanted; i++) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return destroyed == wanted;
}

int main() {
  Gpu gpu;
  static int one = 1;
  CUuserObject object;
  CU(cuUserObjectCreate(&object, &one, destroy, 1, CU_USER_OBJECT_NO_DESTRUCTOR_SYNC));
  CU(cuUserObjectRelease(object, 1));
  CHECK(soon(1));

  CU(cuUserObjectCreate(&object, &one, destroy, 2, CU_USER_OBJECT_NO_DESTRUCTOR_SYNC));
  CU(cuUserObjectRetain(object, 1));
  CU(cuUserObjectRelease(object, 2));
  CUgraph graph;
  CUgraphNode node;
  CUgraphExec exec;
  CU(cuGraphCreate(&graph, 0));
  CU(cuGraphAddEmptyNode(&node, graph, nullptr, 0));
  CU(cuGraphRetainUserObject(graph, object, 1, CU_GRAPH_USER_OBJECT_MOVE));   // the graph has the program's reference now
  CU(cuGraphInstantiateWithFlags(&exec, graph, 0));
  CU(cuGraphLaunch(exec, nullptr));
  CU(cuCtxSynchronize());
  CU(cuGraphDestroy(graph));
  CHECK(destroyed == 1);                                                      // the executable graph still has one
  CU(cuGraphExecDestroy(exec));
  CHECK(soon(2));

  CU(cuUserObjectCreate(&object, &one, destroy, 1, CU_USER_OBJECT_NO_DESTRUCTOR_SYNC));
  CUgraph copy;
  CU(cuGraphCreate(&graph, 0));
  CU(cuGraphRetainUserObject(graph, object, 2, 0));
  CU(cuUserObjectRelease(object, 1));
  CU(cuGraphClone(&copy, graph));
  CU(cuGraphReleaseUserObject(graph, object, 1));
  CU(cuGraphDestroy(graph));
  CHECK(destroyed == 2);
  CU(cuGraphDestroy(copy));
  CHECK(soon(3));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuUserObjectCreate(&object, &one, destroy, 0, CU_USER_OBJECT_NO_DESTRUCTOR_SYNC));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuUserObjectCreate(&object, &one, nullptr, 1, CU_USER_OBJECT_NO_DESTRUCTOR_SYNC));
}
