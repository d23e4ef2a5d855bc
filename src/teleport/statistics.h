// TF_STATISTICS=FILE: at process exit the line "calls=N waits=N image_bytes=N" is appended to FILE, then one for each call that went to the worker.
#pragma once

namespace teleport {

void start_statistics();  // once, when a session opens

}  // namespace teleport
