// See serve.h. Ends the process by itself: threads may still be inside the driver then, and neither they nor the driver's own exit handlers
// may keep it.
#include "worker/serve.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "worker/session.h"

namespace worker {

int serve_connection(int socket, const ServeOptions& options) {
  signal(SIGPIPE, SIG_IGN);
  auto* session = new Session(fcntl(socket, F_DUPFD_CLOEXEC, 3), options);   // never destroyed: threads may be using it
  session->capture_output();
  _exit(session->run());
}

}  // namespace worker
