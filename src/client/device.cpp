// Devices: what their generated calls do not say.
#include "client/remote.h"

using namespace client;

// The driver fills the rest of the caller's buffer with NULs, at least up to 64 bytes, and bindings that hand out the whole buffer show it (measured, driver 580).
EXPORT CUresult cuDeviceGetName(char* name, int len, CUdevice dev) {
  CUresult rc = remote::cuDeviceGetName(name, len, dev);
  if (!rc) {
    size_t n = strlen(name);
    memset(name + n, 0, size_t(len) - n);
  }
  return rc;
}
