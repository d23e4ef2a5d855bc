// See client_environment.h.
#include "worker/client_environment.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/futex.h"
#include "wire/environment.h"
#include "wire/frame.h"

namespace worker {
namespace {

constexpr uint64_t kHelloNs = 5'000'000'000;
constexpr uint32_t kLongestTexts = 16 << 10;      // credentials and token together, of a Hello that is looked at here
const std::string kVisible = "CUDA_VISIBLE_DEVICES", kOrder = "CUDA_DEVICE_ORDER";

enum class Peek { whole, less, late };            // less: the client closed, or its bytes do not fit

Peek peek(int socket, void* to, size_t n, uint64_t until) {
  const int least = int(n), one = 1;
  setsockopt(socket, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof least);
  Peek result = Peek::late;
  for (uint64_t now; result == Peek::late && (now = base::now_ns()) < until;) {
    pollfd wait{socket, POLLIN | POLLRDHUP, 0};
    if (poll(&wait, 1, int((until - now) / 1'000'000) + 1) < 0 && errno != EINTR) result = Peek::less;
    const ssize_t got = recv(socket, to, n, MSG_PEEK | MSG_DONTWAIT);
    if (got == ssize_t(n)) result = Peek::whole;
    else if (got == 0 || wait.revents & (POLLRDHUP | POLLHUP | POLLERR)) result = Peek::less;
    else if (wait.revents) usleep(1000);          // a socket that does not know SO_RCVLOWAT
  }
  setsockopt(socket, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one);
  return result;
}

template <class F>
bool for_each_line(const char* lines, size_t bytes, F each) {
  int variable = -1;
  for (size_t at = 0; at < bytes;) {
    const char* value;
    size_t value_bytes;
    const size_t line = wire::environment_line(lines + at, bytes - at, &variable, &value, &value_bytes);
    if (!line) return false;
    each(wire::kDriverVariables[variable], std::string(value, value_bytes));
    at += line;
  }
  return true;
}

std::vector<std::string> entries(const std::string& list) {
  std::vector<std::string> all;
  for (size_t at = 0; at <= list.size();) {
    size_t comma = std::min(list.find(',', at), list.size()), a = list.find_first_not_of(" \t", at), b = comma;
    a = std::min(a, comma);
    while (b > a && (list[b - 1] == ' ' || list[b - 1] == '\t')) b--;
    all.push_back(list.substr(a, b - a));
    at = comma + 1;
  }
  return all;
}

// What was set before, by name; null: nothing.
std::vector<std::pair<std::string, std::pair<bool, std::string>>>& replaced() {
  static auto* all = new std::vector<std::pair<std::string, std::pair<bool, std::string>>>;
  return *all;
}

}  // namespace

bool valid_environment(const char* lines, size_t bytes) {
  return bytes <= wire::kMaxEnvironment && for_each_line(lines, bytes, [](const char*, const std::string&) {});
}

bool peek_environment(int socket, std::string* lines) {
  const uint64_t until = base::now_ns() + kHelloNs;
  wire::Hello hello;
  lines->clear();
  Peek first = peek(socket, &hello, sizeof hello, until);
  if (first != Peek::whole) return first != Peek::late;
  const auto padded = [](uint32_t n) { return (size_t(n) + 7) / 8 * 8; };
  if (hello.magic != wire::kMagic || !hello.environment_bytes || hello.environment_bytes > wire::kMaxEnvironment ||
      hello.auth_bytes > kLongestTexts || hello.token_bytes > kLongestTexts)
    return true;
  const size_t before = sizeof hello + padded(hello.auth_bytes) + padded(hello.token_bytes);
  std::string all(before + hello.environment_bytes, 0);
  Peek whole = peek(socket, all.data(), all.size(), until);
  if (whole != Peek::whole) return whole != Peek::late;
  if (valid_environment(all.data() + before, hello.environment_bytes)) *lines = all.substr(before);
  return true;
}

std::string compose_visible_devices(const std::string& ours, const std::string& theirs) {
  const std::vector<std::string> allowed = entries(ours);
  std::string result;
  for (const std::string& entry : entries(theirs)) {
    char* end = nullptr;
    const long index = strtol(entry.c_str(), &end, 10);
    const std::string* chosen = nullptr;
    if (!entry.empty() && !*end) {
      if (index >= 0 && size_t(index) < allowed.size()) chosen = &allowed[size_t(index)];
    } else {
      for (const std::string& a : allowed)
        if (!entry.empty() && a.compare(0, entry.size(), entry) == 0) chosen = &a;
    }
    if (!chosen) break;                           // an entry that names nothing ends the list
    result += (result.empty() ? "" : ",") + *chosen;
  }
  return result;
}

void set_environment(const std::string& lines) {
  const char* ours = getenv(kVisible.c_str());
  const bool bordered = ours && *ours;
  for_each_line(lines.data(), lines.size(), [&](const std::string& name, const std::string& value) {
    if (bordered && name == kOrder) return;       // it would give our own list another meaning
    const char* before = getenv(name.c_str());
    replaced().push_back({name, {before != nullptr, before ? before : ""}});
    setenv(name.c_str(), bordered && name == kVisible ? compose_visible_devices(before, value).c_str() : value.c_str(), 1);
  });
}

void restore_environment() {
  for (auto& [name, before] : replaced()) {
    if (before.first) setenv(name.c_str(), before.second.c_str(), 1);
    else unsetenv(name.c_str());
  }
  replaced().clear();
}

}  // namespace worker
