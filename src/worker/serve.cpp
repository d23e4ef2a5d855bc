// See serve.h. Ends the process by itself: threads may still be inside the driver then, and neither they nor the driver's own exit handlers
// may keep it.
#include "worker/serve.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "worker/client_environment.h"
#include "worker/crash_report.h"
#include "worker/session.h"
#include "worker/spare.h"

namespace worker {

int serve_connection(int socket, const ServeOptions& options) {
  signal(SIGPIPE, SIG_IGN);
  std::string wanted;
  if (!peek_environment(socket, &wanted)) {
    base::log(base::Level::warn, "session %llu ends: no Hello came in time", static_cast<unsigned long long>(options.session_id));
    return 1;
  }
  report_environment(options.control, wanted);
  if (wanted != options.environment && options.start_again) {
    options.start_again(socket, wanted);
    base::log(base::Level::warn, "session %llu does without the client's environment variables", static_cast<unsigned long long>(options.session_id));
  }
  auto* session = new Session(fcntl(socket, F_DUPFD_CLOEXEC, 3), options);   // never destroyed: threads may be using it
  session->capture_output();
  report_crashes(options.session_id);
  _exit(session->run());
}

}  // namespace worker
