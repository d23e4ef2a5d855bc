// Says that this libcuda is a client library, for the worker, which must not load one (it would be connecting to itself).
extern "C" __attribute__((visibility("default"), used)) const char tensor_fusion_client_marker = 1;
