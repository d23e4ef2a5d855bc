// A spare: a session process that has loaded and initialised the driver and waits for a client's socket. The listener (its one thread)
// starts it; the two talk over a message socket, by SpareMessages:
//   spare -> listener  ready | failed (with text)      once
//   listener -> spare  take_client, with the socket    once
//   spare -> listener  taken                           only then does the listener let its copy of the socket go
//   session -> listener  environment (as text)       what its client asks for: the next spare gets it
//   session <-> listener  the *_handle words of shared_handles.h, as long as the session lives
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include <string>

#include "base/fd.h"
#include "worker/shared_handles.h"

namespace worker {

enum class SpareWord : uint32_t { ready = 1, failed, take_client, taken, environment, keep_handle, fetch_handle, drop_handle, handle };
struct SpareMessage {
  SpareWord word = SpareWord::ready;
  uint32_t reserved = 0;
  HandleName name;
  char text[488] = "";   // NUL-terminated; of an answer to a question about a handle: not empty when it could be done
};
static_assert(sizeof(SpareMessage) == 512);

struct SpareOptions {
  std::string executable;   // argv[0] of the process: what nvidia-smi and ps show
  std::string cuda, nvml;   // libraries to load, see DriverChoice
  int quota_fd = -1;        // MemoryQuota::fd()
  int quota_slot = 0;
  uint64_t session_id = 0;
  std::string image_folder; // ImageFolder::path()
  std::string environment;  // of clients (client_environment.h)
};
struct Spare {
  pid_t pid = -1;
  base::Fd control;
};

// Starts this same executable as a session process, in a process group of its own. False: errno says why.
bool start_spare(const SpareOptions& options, Spare* spare);

void report_environment(int control, const std::string& environment);   // by a session process; control -1: nothing happens

// main() of such a process when is_spare(). Ends the process with serve()'s status; returns a status only when there was no session.
bool is_spare(int argc, char** argv);
int run_spare(int argc, char** argv);

}  // namespace worker
