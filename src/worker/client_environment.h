// The environment variables that a client wants its driver to see (wire/environment.h). They come with the Hello, but the driver reads them when it is
// initialised: a session process whose driver has seen others is started again. Main thread of a session process, before there are others.
#pragma once
#include <stddef.h>

#include <string>

namespace worker {

bool valid_environment(const char* lines, size_t bytes);

// What the Hello asks for, without consuming it. False: no whole Hello came in time. A malformed one asks for nothing; the session refuses it.
bool peek_environment(int socket, std::string* lines);

void set_environment(const std::string& lines);   // before the driver is loaded
void restore_environment();                       // for the exec of a process that sets others

// The worker's own CUDA_VISIBLE_DEVICES stays a border: what the client's names are places in that list (or UUIDs that stand in it).
std::string compose_visible_devices(const std::string& ours, const std::string& theirs);

}  // namespace worker
