// Threads of the client libraries. There are none before a session exists.
#pragma once

namespace teleport {

// Runs main(argument) on a detached thread with every signal blocked but those of faults: handlers stay with the program's own threads. False: no
// thread.
bool start_thread(void* (*main)(void*), void* argument);

}  // namespace teleport
