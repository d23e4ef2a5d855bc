// Reads a profile: lines of `key = value`, a [device] line before the keys of each device, # begins a comment. A wrong line makes the whole
// profile unusable, with its place in the message. Compiled into libcuda and libnvidia-ml. Any thread may call.
#include "softgpu/api/profile.h"

#include <dlfcn.h>
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

namespace softgpu::api {

namespace {

constexpr Generation kGenerations[] = {
    // cc  threads blocks  shared/SM   opt-in      reserved  cores  fp64
    {70, 2048, 32, 96 << 10, 96 << 10, 0, 64, 2},
    {75, 1024, 16, 64 << 10, 64 << 10, 0, 64, 32},
    {80, 2048, 32, 164 << 10, 163 << 10, 1024, 64, 2},
    {86, 1536, 16, 100 << 10, 99 << 10, 1024, 128, 64},
    {87, 1536, 16, 164 << 10, 163 << 10, 1024, 128, 64},
    {89, 1536, 24, 100 << 10, 99 << 10, 1024, 128, 64},
    {90, 2048, 32, 228 << 10, 227 << 10, 1024, 128, 2},
    {100, 2048, 32, 228 << 10, 227 << 10, 1024, 128, 2},
    {103, 2048, 32, 228 << 10, 227 << 10, 1024, 128, 64},
    {110, 1536, 24, 228 << 10, 227 << 10, 1024, 128, 64},
    {120, 1536, 24, 100 << 10, 99 << 10, 1024, 128, 64},
    {121, 1536, 24, 100 << 10, 99 << 10, 1024, 128, 64},
};
constexpr int kDefaultCapability = 121;
constexpr unsigned kFirstBus = 0x40;            // of devices whose profile gives no PCI address

const Generation* generation(int capability) {
  for (auto& g : kGenerations)
    if (g.capability == capability) return &g;
  return nullptr;
}

bool read_number(const std::string& text, double least, double most, double* out) {
  char* end = nullptr;
  *out = strtod(text.c_str(), &end);
  return !text.empty() && !*end && *out >= least && *out <= most;
}

template <auto Member, long Least, long Most, unsigned Shift = 0>
bool number(DeviceProfile& d, const std::string& text) {
  double value;
  if (!read_number(text, Least, Most, &value)) return false;
  using Field = std::remove_reference_t<decltype(d.*Member)>;
  d.*Member = std::is_integral_v<Field> ? Field(uint64_t(value) << Shift) : Field(value);
  return !std::is_integral_v<Field> || value == double(uint64_t(value));
}

template <std::string DeviceProfile::*Member, size_t Most>
bool words(DeviceProfile& d, const std::string& text) {
  d.*Member = text;
  return !text.empty() && text.size() <= Most;
}

bool hexadecimal(const std::string& text, unsigned* out) {
  char* end = nullptr;
  unsigned long value = strtoul(text.c_str(), &end, 16);
  *out = unsigned(value);
  return !text.empty() && !*end && value <= 0xffffffffu;
}

bool capability(DeviceProfile& d, const std::string& text) {
  int major = 0, minor = 0, used = 0;
  if (sscanf(text.c_str(), "%d.%d%n", &major, &minor, &used) != 2 || size_t(used) != text.size() || minor < 0 || minor > 9) return false;
  const Generation* g = generation(major * 10 + minor);
  if (g) d.chip = *g;
  return g;
}

bool pci(DeviceProfile& d, const std::string& text) {
  int used = 0;
  d.pci_given = true;
  return sscanf(text.c_str(), "%x:%x:%x.0%n", &d.pci_domain, &d.pci_bus, &d.pci_slot, &used) == 3 && size_t(used) == text.size() &&
         d.pci_bus < 256 && d.pci_slot < 32;
}

bool uuid(DeviceProfile& d, const std::string& text) {
  std::string digits = text.starts_with("GPU-") ? text.substr(4) : text;
  std::erase(digits, '-');
  if (digits.size() != 32 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) return false;
  for (size_t i = 0; i < 16; i++) d.uuid[i] = uint8_t(strtoul(digits.substr(i * 2, 2).c_str(), nullptr, 16));
  return d.uuid_given = true;
}

bool yes_or_no(const std::string& text, bool* out) {
  *out = text == "1" || text == "yes";
  return *out || text == "0" || text == "no";
}

struct Key {
  const char* name;
  bool (*read)(DeviceProfile&, const std::string&);
  const char* wanted;
};
using D = DeviceProfile;
constexpr Key kKeys[] = {
    {"name", words<&D::name, 90>, "a text of at most 90 letters"},
    {"brand", words<&D::brand, 20>, "a text"},
    {"vbios", words<&D::vbios, 30>, "a text"},
    {"part_number", words<&D::part_number, 60>, "a text"},
    {"serial", words<&D::serial, 28>, "a text"},
    {"compute_capability", capability, "one of 7.0 7.5 8.0 8.6 8.7 8.9 9.0 10.0 10.3 11.0 12.0 12.1"},
    {"multiprocessors", number<&D::multiprocessors, 1, 1024>, "a number from 1 to 1024"},
    {"memory_mib", number<&D::memory_bytes, 16, 16 << 20, 20>, "a number from 16 to 16777216"},
    {"reserved_mib", number<&D::reserved_bytes, 0, 1 << 20, 20>, "a number of MiB"},
    {"uuid", uuid, "a UUID"},
    {"pci", pci, "an address like 0000:18:00.0"},
    {"pci_device_id", [](D& d, const std::string& t) { return hexadecimal(t, &d.pci_device_id); }, "a number in hexadecimal"},
    {"pci_subsystem_id", [](D& d, const std::string& t) { return hexadecimal(t, &d.pci_subsystem_id); }, "a number in hexadecimal"},
    {"pcie_generation", number<&D::pcie_generation, 1, 7>, "a number from 1 to 7"},
    {"pcie_width", number<&D::pcie_width, 1, 32>, "a number from 1 to 32"},
    {"pcie_gb_per_s", number<&D::pcie_gb_per_s, 0, 1000>, "a number from 0 to 1000"},
    {"copy_engines", number<&D::copy_engines, 1, 16>, "a number from 1 to 16"},
    {"clock_mhz", number<&D::clock_mhz, 1, 100000>, "a number of MHz"},
    {"base_clock_mhz", number<&D::base_clock_mhz, 1, 100000>, "a number of MHz"},
    {"memory_clock_mhz", number<&D::memory_clock_mhz, 1, 100000>, "a number of MHz"},
    {"memory_bus_bits", number<&D::memory_bus_bits, 1, 65536>, "a number of bits"},
    {"l2_kib", number<&D::l2_kib, 1, 2 << 20>, "a number of KiB"},
    {"power_limit_w", number<&D::power_limit_w, 1, 10000>, "a number of watts"},
    {"idle_power_w", number<&D::idle_power_w, 0, 10000>, "a number of watts"},
    {"temperature_c", number<&D::temperature_c, 0, 150>, "a number of degrees"},
    {"ecc", [](D& d, const std::string& t) { return yes_or_no(t, &d.ecc); }, "0 or 1"},
    {"numa_node", number<&D::numa_node, 0, 255>, "a number from 0 to 255"},
    {"watchdog_ms", number<&D::watchdog_ms, 0, 1 << 30>, "a number of milliseconds, 0 for none"},
};

// The keys before the first [device].
bool read_head(Profile& p, const std::string& key, const std::string& value, const char** wanted) {
  int major = 0, minor = 0, used = 0;
  if (key == "driver") {
    *wanted = "a version like 580.95.05";
    p.driver = value;
    return value.size() > 2 && value.size() < 40;
  }
  if (key == "cuda") {
    *wanted = "a version like 13.0";
    if (sscanf(value.c_str(), "%d.%d%n", &major, &minor, &used) != 2 || size_t(used) != value.size()) return false;
    p.cuda = major * 1000 + minor * 10;
    return major > 0 && major < 100 && minor >= 0 && minor < 100;
  }
  if (key == "pace") return *wanted = "0 or 1", yes_or_no(value, &p.pace);
  if (key == "peers") {
    *wanted = "none, pcie or nvlink";
    p.peers = value == "nvlink" ? PeerLink::nvlink : value == "pcie" ? PeerLink::pcie : PeerLink::none;
    return p.peers != PeerLink::none || value == "none";
  }
  return false;
}

// 16 bytes that stay the same for this host and device number and differ between hosts.
void make_uuid(size_t ordinal, uint8_t out[16]) {
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  uint64_t hash[2] = {0xcbf29ce484222325ull, 0x84222325cbf29ce4ull};
  for (int half = 0; half < 2; half++) {
    for (const char* p = host; *p; p++) hash[half] = (hash[half] ^ uint8_t(*p)) * 0x100000001b3ull;
    hash[half] = (hash[half] ^ uint64_t(ordinal + 1)) * 0x100000001b3ull;
  }
  memcpy(out, hash, 16);
  out[0] = 0x7f, out[1] = 0x50;                 // recognisable in lists
  out[6] = uint8_t((out[6] & 0x0f) | 0x40);     // a version 4, variant 1 UUID in form
  out[8] = uint8_t((out[8] & 0x3f) | 0x80);
}

// The identity of the i-th device; `alike`: of how many made from the same section it is the n-th.
void identify(DeviceProfile& d, size_t i, size_t alike) {
  if (!d.uuid_given) make_uuid(i, d.uuid);
  else d.uuid[15] = uint8_t(d.uuid[15] + alike);
  if (!d.pci_given) d.pci_bus = kFirstBus + unsigned(i);
  else d.pci_bus += unsigned(alike);
  if (d.serial.empty()) {
    char text[30];
    snprintf(text, sizeof text, "%010u", unsigned(d.uuid[12]) << 24 | unsigned(d.uuid[13]) << 16 | unsigned(d.uuid[14]) << 8 | d.uuid[15]);
    d.serial = text;
  }
}

std::string check(const Profile& p) {
  for (size_t i = 0; i < p.devices.size(); i++) {
    auto& a = p.devices[i];
    if (a.reserved_bytes + (16 << 20) > a.memory_bytes) return "device " + std::to_string(i) + ": reserved_mib leaves less than 16 MiB of memory_mib";
    if (a.pci_bus > 255) return "device " + std::to_string(i) + ": its PCI bus would be beyond 255";
    for (size_t j = 0; j < i; j++) {
      auto& b = p.devices[j];
      if (!memcmp(a.uuid, b.uuid, 16)) return "devices " + std::to_string(j) + " and " + std::to_string(i) + " have the same UUID";
      if (pci_text(a, true) == pci_text(b, true)) return "devices " + std::to_string(j) + " and " + std::to_string(i) + " have the same PCI address";
    }
  }
  return {};
}

std::string trimmed(const std::string& s) {
  size_t a = s.find_first_not_of(" \t\r"), b = s.find_last_not_of(" \t\r");
  return a == std::string::npos ? std::string() : s.substr(a, b - a + 1);
}

// A whole number from the environment; false: not set.
bool environment_number(const char* name, uint64_t most, uint64_t* out, std::string* error) {
  const char* text = getenv(name);
  if (!text || !*text) return false;
  double value;
  if (!read_number(text, 0, double(most), &value)) *error = std::string(name) + "=" + text + ": wanted a number from 0 to " + std::to_string(most);
  *out = uint64_t(value);
  return error->empty();
}

}  // namespace

Profile read_profile(const std::string& text, const std::string& file) {
  Profile p;
  struct Section {
    DeviceProfile device;
    uint64_t count = 1;
  };
  std::vector<Section> sections;
  std::istringstream lines(text);
  std::string line;
  for (int n = 1; std::getline(lines, line); n++) {
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    auto fail = [&](const std::string& why) {
      p.error = file + ":" + std::to_string(n) + ": " + why;
      p.devices.clear();
      return p;
    };
    if (line == "[device]") {
      sections.emplace_back().device.chip = *generation(kDefaultCapability);
      continue;
    }
    if (line[0] == '[') return fail("unknown section " + line + "; there is [device]");
    size_t equals = line.find('=');
    if (equals == std::string::npos) return fail("wanted `key = value`, found `" + line + "`");
    std::string key = trimmed(line.substr(0, equals)), value = trimmed(line.substr(equals + 1));
    const char* wanted = nullptr;
    bool good = false;
    if (sections.empty()) {
      good = read_head(p, key, value, &wanted);
    } else if (key == "count") {
      double count;
      wanted = "a number from 1 to 16";
      good = read_number(value, 1, kMaxDevices, &count);
      sections.back().count = good ? uint64_t(count) : 1;
    } else {
      for (auto& k : kKeys)
        if (key == k.name) wanted = k.wanted, good = k.read(sections.back().device, value);
    }
    if (!wanted) return fail("unknown key " + key + (sections.empty() ? " before the first [device]" : ""));
    if (!good) return fail(key + " = " + value + ": wanted " + wanted);
  }
  if (sections.empty()) sections.emplace_back().device.chip = *generation(kDefaultCapability);

  std::string error;
  uint64_t asked = 0, mib = 0;
  if (environment_number("TF_SOFTGPU_VRAM_MIB", 16 << 20, &mib, &error))
    for (auto& s : sections) s.device.memory_bytes = mib << 20, s.device.reserved_bytes = 0;
  bool limited = environment_number("TF_SOFTGPU_DEVICES", 1 << 20, &asked, &error);
  if (limited) sections.back().count = kMaxDevices;      // further devices are like the last one
  for (auto& s : sections)
    for (size_t i = 0; i < s.count && p.devices.size() < (limited ? std::min<uint64_t>(asked, kMaxDevices) : kMaxDevices + 1); i++) {
      p.devices.push_back(s.device);
      identify(p.devices.back(), p.devices.size() - 1, i);
    }
  if (error.empty() && p.devices.size() > size_t(kMaxDevices)) error = file + ": more than 16 devices";
  if (error.empty() && !(error = check(p)).empty()) error = file + ": " + error;
  if (!error.empty()) p.devices.clear();
  p.error = error;
  return p;
}

const Profile& profile() {
  static const Profile* p = [] {
    const char* asked = getenv("TF_SOFTGPU_PROFILE");
    if (!asked || !*asked) return new Profile(read_profile("", "the default profile"));
    std::string path = asked;
    if (path.find('/') == std::string::npos) {           // the name of one that lies beside this library
      Dl_info self{};
      dladdr(reinterpret_cast<void*>(&read_profile), &self);
      std::string library = self.dli_fname ? self.dli_fname : "";
      path = library.substr(0, library.rfind('/') + 1) + "profiles/" + path + ".profile";
    }
    std::ifstream in(path);
    std::stringstream text;
    if (in) text << in.rdbuf();
    if (in && !in.bad() && !text.fail()) return new Profile(read_profile(text.str(), path));
    auto* none = new Profile;
    none->error = "TF_SOFTGPU_PROFILE=" + std::string(asked) + ": cannot read " + path;
    return none;
  }();
  return *p;
}

std::string pci_text(const DeviceProfile& d, bool long_domain) {
  char text[32];
  snprintf(text, sizeof text, "%0*X:%02X:%02X.0", long_domain ? 8 : 4, d.pci_domain, d.pci_bus, d.pci_slot);
  return text;
}

std::string uuid_text(const DeviceProfile& d) {
  std::string text = "GPU-";
  for (int i = 0; i < 16; i++) {
    char two[3];
    snprintf(two, sizeof two, "%02x", d.uuid[i]);
    text += i == 4 || i == 6 || i == 8 || i == 10 ? std::string("-") + two : two;
  }
  return text;
}

}  // namespace softgpu::api
