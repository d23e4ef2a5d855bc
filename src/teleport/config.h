// What the environment says about the worker to use. Read when a session opens; nothing is kept. Any thread may call.
#pragma once
#include <stdint.h>

#include <string>

namespace teleport {

// A worker to connect to by TCP. `version` is opaque: it is handed to the worker with the hello.
struct Endpoint {
  char host[256];
  uint16_t port;
  char version[256];
};

// Fills *endpoint from TENSOR_FUSION_OPERATOR_CONNECTION_INFO, else by asking TENSOR_FUSION_OPERATOR_GET_CONNECTION_URL (which
// may take up to 5 minutes). False: *why is a static text and one line about it has gone to stderr.
bool resolve_endpoint(Endpoint* endpoint, const char** why);

// The variables of wire/environment.h that are set, as they travel.
std::string driver_environment();

// TF_MAX_CACHE_REQUEST_COUNT: how many queued calls may wait before they are sent.
uint32_t max_cache_request_count();

// TF_BULK_CONNECTIONS: over how many connections large copies go; without it as many as this machine's cores can feed.
unsigned bulk_connections();

// Takes apart protocol+param1+param2+version. False: *why is a static text that says what is wrong.
bool parse_connection(const char* text, Endpoint* endpoint, const char** why);

}  // namespace teleport
