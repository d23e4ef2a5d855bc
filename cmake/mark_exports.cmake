# cmake -DIN=generated.map -DOUT=file -P mark_exports.cmake: adds to a version script the one name that is not NVIDIA's,
# tensor_fusion_client_marker, by which a worker sees that what it loaded as "a libcuda" is a client library.
file(READ ${IN} text)
if(NOT text MATCHES "global:")
  message(FATAL_ERROR "${IN} has no `global:`")
endif()
string(REGEX REPLACE "global:" "global:\n    tensor_fusion_client_marker;" text "${text}")
file(WRITE ${OUT} "${text}")
