// The seam between the worker's process model (main, listener) and a session (session.h): one connection, served to its end.
#pragma once
#include <stdint.h>

#include <functional>
#include <string>

namespace limiter { class MemoryQuota; }

namespace worker {

struct Driver;

struct ServeOptions {
  const Driver* driver = nullptr;            // the libcuda and libnvidia-ml of this host, loaded and initialised
  limiter::MemoryQuota* quota = nullptr;     // shared by all sessions of this worker; never null
  int quota_slot = 0;                        // this session's line in it
  std::string image_folder;                  // of ImageStore; empty: module images are not kept
  uint64_t session_id = 0;
  std::string environment;                   // of clients, that the driver has seen (client_environment.h)
  int init_result = 0;                       // of cuInit: what the client's answers
  std::function<void(int socket, const std::string& environment)> start_again;   // with that environment; returns when it cannot
  int control = -1;                          // the socket to the listener (spare.h), -1: none
  unsigned cores = 0;                        // of this machine; 0: ask. Few cores: nobody spins, and launches are issued by one thread
};

// Reads the Hello from socket (owned by the caller), answers it, then serves calls until the client closes or sends nonsense.
// Returns the process's exit status. Called once per session process, on its main thread.
int serve_connection(int socket, const ServeOptions& options);

}  // namespace worker
