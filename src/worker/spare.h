// A spare: a session process that has loaded and initialised the driver and waits for a client's socket. The listener (its one thread)
// starts it; the two talk over a message socket until the process has the client's socket.
//   spare -> listener  SpareMessage ready | failed (with text)      once
//   listener -> spare  SpareMessage take_client, with the socket    once
//   spare -> listener  SpareMessage taken                           only then does the listener let its copy of the socket go
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include <string>

#include "base/fd.h"

namespace worker {

enum class SpareWord : uint32_t { ready = 1, failed, take_client, taken };
struct SpareMessage {
  SpareWord word = SpareWord::ready;
  char text[508] = "";   // NUL-terminated
};
static_assert(sizeof(SpareMessage) == 512);

struct SpareOptions {
  std::string executable;   // argv[0] of the process: what nvidia-smi and ps show
  std::string cuda, nvml;   // libraries to load, see DriverChoice
  int quota_fd = -1;        // MemoryQuota::fd()
  int quota_slot = 0;
  uint64_t session_id = 0;
};
struct Spare {
  pid_t pid = -1;
  base::Fd control;
};

// Starts this same executable as a session process, in a process group of its own. False: errno says why.
bool start_spare(const SpareOptions& options, Spare* spare);

// main() of such a process when is_spare(). Ends the process with serve()'s status; returns a status only when there was no session.
bool is_spare(int argc, char** argv);
int run_spare(int argc, char** argv);

}  // namespace worker
