// TF_STATISTICS=FILE: at process exit one line "calls=N waits=N image_bytes=N" is appended to FILE.
#pragma once

namespace teleport {

void start_statistics();  // once, when a session opens

}  // namespace teleport
