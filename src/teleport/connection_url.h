// Asks an operator where the worker is: GET on a plain http address, whose answer's body is the connection string.
#pragma once
#include <string>

namespace teleport {

// Waits up to limit_ms; an operator that has no worker yet holds the request open or answers 503 or 504, which is asked again.
// Sends `Authorization: Bearer` with TENSOR_FUSION_OPERATOR_CONNECTION_TOKEN or, without it, the pod's service-account token.
// False: one line has gone to stderr.
bool fetch_connection(const char* url, int limit_ms, std::string* body);

}  // namespace teleport
