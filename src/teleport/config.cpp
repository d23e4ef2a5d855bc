// The connection string and the other settings of a session.
#include "teleport/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "base/log.h"
#include "teleport/connection_url.h"
#include "wire/stripe.h"
#include "wire/environment.h"

namespace teleport {

static constexpr const char* kInfo = "TENSOR_FUSION_OPERATOR_CONNECTION_INFO";
static constexpr const char* kUrl = "TENSOR_FUSION_OPERATOR_GET_CONNECTION_URL";
static constexpr int kUrlLimitMs = 5 * 60 * 1000;  // as long as the operator lets a request wait for its worker
static constexpr uint32_t kDefaultCacheRequests = 100;

static std::string_view trimmed(std::string_view s) {
  while (!s.empty() && strchr(" \t\r\n", s.front())) s.remove_prefix(1);
  while (!s.empty() && strchr(" \t\r\n", s.back())) s.remove_suffix(1);
  return s;
}

// The text up to the next '+', which is taken off as well; false: there is no '+'.
static bool take_field(std::string_view* rest, std::string_view* field) {
  size_t plus = rest->find('+');
  if (plus == rest->npos) return false;
  *field = rest->substr(0, plus);
  rest->remove_prefix(plus + 1);
  return true;
}

static bool copy_text(std::string_view from, char* to, size_t room) {
  if (from.empty() || from.size() >= room) return false;
  memcpy(to, from.data(), from.size());
  to[from.size()] = 0;
  return true;
}

static bool parse_number(std::string_view text, uint32_t lowest, uint32_t highest, uint32_t* value) {
  if (text.empty() || text.size() > 9) return false;
  uint32_t n = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
    n = n * 10 + uint32_t(c - '0');
  }
  *value = n;
  return n >= lowest && n <= highest;
}

bool parse_connection(const char* text, Endpoint* endpoint, const char** why) {
  std::string_view rest = trimmed(text), protocol, host, port;
  if (!take_field(&rest, &protocol)) return *why = "it has no '+'", false;
  if (protocol == "shmem") return *why = "shared memory (shmem+...) is not supported by this build", false;
  if (protocol != "native") return *why = "its protocol is not \"native\"", false;
  if (!take_field(&rest, &host) || !take_field(&rest, &port)) return *why = "it has fewer than four parts", false;
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);  // [IPv6]
  if (host.find_first_of(" \t\r\n[]/") != host.npos) return *why = "its host is not a name or an address", false;
  if (!copy_text(host, endpoint->host, sizeof endpoint->host))
    return *why = host.empty() ? "its host is empty" : "its host is too long", false;
  uint32_t number;
  if (!parse_number(port, 1, 65535, &number)) return *why = "its port is not a number from 1 to 65535", false;
  endpoint->port = uint16_t(number);
  if (!copy_text(rest, endpoint->version, sizeof endpoint->version))
    return *why = rest.empty() ? "its version is empty" : "its version is too long", false;
  return true;
}

static bool parse_or_complain(const char* text, const char* source, Endpoint* endpoint, const char** why) {
  if (parse_connection(text, endpoint, why)) return true;
  std::string shown(trimmed(text).substr(0, 200));  // it may be somebody's web page: keep to one line
  for (char& c : shown)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  base::complain("%s gives \"%s\": %s. Expected native+HOST+PORT+VERSION, for example native+192.168.1.100+12345+0", source,
                 shown.c_str(), *why);
  return false;
}

bool resolve_endpoint(Endpoint* endpoint, const char** why) {
  const char* info = getenv(kInfo);
  if (info && *info) return parse_or_complain(info, kInfo, endpoint, why);
  const char* url = getenv(kUrl);
  if (!url || !*url) {
    *why = "no worker given";
    base::complain("no worker given: set %s=native+HOST+PORT+VERSION, or %s to an http address that answers it", kInfo, kUrl);
    return false;
  }
  std::string text;
  if (!fetch_connection(url, kUrlLimitMs, &text)) {
    *why = "the connection URL gave no worker";
    return false;
  }
  return parse_or_complain(text.c_str(), kUrl, endpoint, why);
}

std::string driver_environment() {
  std::string lines;
  for (const char* name : wire::kDriverVariables) {
    const char* value = getenv(name);
    if (!value) continue;
    std::string line = std::string(name) + "=" + value;
    for (char& c : line)
      if (static_cast<unsigned char>(c) < ' ' || c == 127) c = '?';   // no value that the driver knows has such letters
    if (lines.size() + line.size() < wire::kMaxEnvironment) lines += line + "\n";
    else base::log(base::Level::warn, "%s is too long and is left out", name);
  }
  return lines;
}

uint32_t max_cache_request_count() {
  const char* text = getenv("TF_MAX_CACHE_REQUEST_COUNT");
  if (!text || !*text) return kDefaultCacheRequests;
  uint32_t value;
  if (parse_number(trimmed(text), 1, 100000000, &value)) return value;
  base::log(base::Level::warn, "TF_MAX_CACHE_REQUEST_COUNT=%s is not a positive number; using %u", text, kDefaultCacheRequests);
  return kDefaultCacheRequests;
}

unsigned bulk_connections() {
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  const unsigned usual = cores < 4 ? 1 : cores < 8 ? 2 : cores < 16 ? 3 : 4;
  const char* text = getenv("TF_BULK_CONNECTIONS");
  if (!text || !*text) return usual;
  uint32_t value;
  if (parse_number(trimmed(text), 1, wire::kMostConnections, &value)) return value;
  base::log(base::Level::warn, "TF_BULK_CONNECTIONS=%s is not a number from 1 to %u; using %u", text, wire::kMostConnections, usual);
  return usual;
}

}  // namespace teleport
