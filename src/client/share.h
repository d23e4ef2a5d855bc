// Device memory that this process has given out as descriptors (share.cpp).
#pragma once

namespace client {

void sweep_shared();   // tells the worker of descriptors that nobody has open any more. Cheap when none was given out. Any thread

}  // namespace client
