// See visible.h.
#include "softgpu/api/visible.h"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace softgpu::api {

namespace {

// The profile's device that an entry names; -1: none, or several.
int named(const std::string& entry, const Profile& p) {
  if (entry.compare(0, 4, "GPU-") == 0) {
    int found = -1;
    for (size_t i = 0; i < p.devices.size(); i++)
      if (uuid_text(p.devices[i]).compare(0, entry.size(), entry) == 0) {
        if (found >= 0) return -1;
        found = int(i);
      }
    return found;
  }
  char* end = nullptr;
  const long index = strtol(entry.c_str(), &end, 10);
  return end != entry.c_str() && !*end && index >= 0 && size_t(index) < p.devices.size() ? int(index) : -1;
}

}  // namespace

std::vector<int> visible_devices(const char* list, const Profile& p) {
  std::vector<int> visible;
  if (!list) {
    for (size_t i = 0; i < p.devices.size(); i++) visible.push_back(int(i));
    return visible;
  }
  const std::string text = list;
  bool uuids = false;
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    std::string entry = text.substr(at, comma - at);
    entry.erase(0, std::min(entry.find_first_not_of(" \t"), entry.size()));
    entry.erase(entry.find_last_not_of(" \t") + 1);
    const bool uuid = entry.compare(0, 4, "GPU-") == 0;
    if (at == 0) uuids = uuid;
    const int device = uuid == uuids ? named(entry, p) : -1;   // of one kind: the first one's
    if (device < 0) break;                        // ends the list
    if (std::find(visible.begin(), visible.end(), device) != visible.end()) return {};
    visible.push_back(device);
    at = comma + 1;
  }
  return visible;
}

}  // namespace softgpu::api
