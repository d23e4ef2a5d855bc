// What a session process leaves in the log when it dies of a signal: inside the driver, mostly, which a program can bring down natively too.
#pragma once

namespace worker {

void report_crashes(unsigned long long session);   // once in a process; a handler that is there already stays

}  // namespace worker
