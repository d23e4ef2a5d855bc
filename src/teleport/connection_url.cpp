// A small HTTP/1.1 client for one purpose. No TLS in other people's processes: https is refused with advice.
#include "teleport/connection_url.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <string_view>

#include "base/fd.h"
#include "base/futex.h"
#include "base/log.h"
#include "transport/connection.h"

namespace teleport {
namespace {

constexpr size_t kMaxAnswer = 64 << 10;
constexpr int kConnectLimitMs = 5000, kRetryMs = 1000;
constexpr const char* kToken = "TENSOR_FUSION_OPERATOR_CONNECTION_TOKEN";
constexpr const char* kServiceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token";

struct Url {
  std::string host, authority, path;
  uint16_t port = 80;
};
struct Answer {
  int status = 0;
  std::string body;
};
enum class Parsed { more, done, bad };

int64_t now_ms() { return int64_t(base::now_ns() / 1000000); }

bool starts_with(std::string_view s, const char* prefix) { return s.substr(0, strlen(prefix)) == prefix; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// What is wrong with the address, or null.
const char* parse_url(std::string_view text, Url* url) {
  if (starts_with(text, "https://"))
    return "https is not supported here; use an http:// address inside the cluster, or a local TLS proxy";
  if (!starts_with(text, "http://")) return "it does not begin with http://";
  text.remove_prefix(7);
  size_t end = text.find_first_of("/?#");
  std::string_view authority = text.substr(0, end), path = end == text.npos ? std::string_view() : text.substr(end);
  if (path.find('#') != path.npos) path = path.substr(0, path.find('#'));
  if (path.find_first_of(" \r\n\t") != path.npos || authority.find_first_of(" \r\n\t@") != authority.npos)
    return "it is not a valid address";
  url->authority = authority;
  url->path = path;
  if (url->path.empty() || url->path[0] != '/') url->path.insert(0, 1, '/');
  size_t colon = authority.rfind(':');
  if (!authority.empty() && authority[0] == '[') {
    size_t bracket = authority.find(']');
    if (bracket == authority.npos) return "it is not a valid address";
    url->host = authority.substr(1, bracket - 1);
    colon = bracket + 1 < authority.size() ? bracket + 1 : authority.npos;
    if (colon != authority.npos && authority[colon] != ':') return "it is not a valid address";
  } else {
    url->host = authority.substr(0, colon);
  }
  if (url->host.empty()) return "it names no host";
  if (colon != authority.npos) {
    char digits[8] = "", *stop;
    std::string_view port = authority.substr(colon + 1);
    if (port.empty() || port.size() > 5) return "its port is not a number from 1 to 65535";
    memcpy(digits, port.data(), port.size());
    long number = strtol(digits, &stop, 10);
    if (*stop || number < 1 || number > 65535) return "its port is not a number from 1 to 65535";
    url->port = uint16_t(number);
  }
  return nullptr;
}

std::string read_token() {
  std::string token;
  if (const char* set = getenv(kToken)) token = set;
  if (token.empty()) {
    base::Fd fd(open(kServiceAccountToken, O_RDONLY | O_CLOEXEC));
    char text[8192];
    ssize_t n = fd ? read(fd.get(), text, sizeof text) : 0;
    if (n > 0) token.assign(text, size_t(n));
  }
  while (!token.empty() && strchr(" \t\r\n", token.back())) token.pop_back();
  return token.find_first_of("\r\n") == token.npos ? token : std::string();
}

bool send_all(int fd, const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    ssize_t n = send(fd, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (n > 0)
      at += size_t(n);
    else if (errno == EAGAIN) {
      pollfd p{fd, POLLOUT, 0};
      if (poll(&p, 1, kConnectLimitMs) <= 0) return false;
    } else if (errno != EINTR)
      return false;
  }
  return true;
}

// A chunked body: size in hexadecimal, CRLF, bytes, CRLF; ended by a chunk of size 0.
Parsed parse_chunks(std::string_view text, std::string* body) {
  for (;;) {
    size_t line = text.find("\r\n");
    if (line == text.npos) return Parsed::more;
    char size[20] = "", *stop;
    memcpy(size, text.data(), line < sizeof size - 1 ? line : sizeof size - 1);
    unsigned long n = strtoul(size, &stop, 16);
    if (stop == size || n > kMaxAnswer) return Parsed::bad;
    if (n == 0) return Parsed::done;
    text.remove_prefix(line + 2);
    if (text.size() < n + 2) return Parsed::more;
    body->append(text.data(), n);
    text.remove_prefix(n + 2);
  }
}

// All of what has come so far is looked at again each time: it is short. ended: no more will come.
Parsed parse_answer(std::string_view text, bool ended, Answer* answer) {
  size_t head_end = text.find("\r\n\r\n");
  if (head_end == text.npos) return ended ? Parsed::bad : Parsed::more;
  std::string_view head = text.substr(0, head_end), body = text.substr(head_end + 4);
  if (!starts_with(head, "HTTP/1.") || head.size() < 12) return Parsed::bad;
  answer->status = atoi(std::string(head.substr(9, 3)).c_str());
  answer->body.clear();
  bool chunked = false;
  long length = -1;
  for (size_t at = head.find("\r\n"); at != head.npos;) {
    size_t next = head.find("\r\n", at + 2);
    std::string_view line = head.substr(at + 2, next == head.npos ? head.npos : next - at - 2);
    at = next;
    size_t colon = line.find(':');
    if (colon == line.npos) continue;
    std::string_view name = line.substr(0, colon);
    std::string value(line.substr(colon + 1));
    if (equal_ignoring_case(name, "Transfer-Encoding") && strcasestr(value.c_str(), "chunked")) chunked = true;
    if (equal_ignoring_case(name, "Content-Length")) length = atol(value.c_str());
  }
  if (chunked) {
    Parsed parsed = parse_chunks(body, &answer->body);
    return parsed == Parsed::more && ended ? Parsed::bad : parsed;
  }
  if (length < 0 ? !ended : body.size() < size_t(length)) return ended ? Parsed::bad : Parsed::more;
  answer->body = length < 0 ? body : body.substr(0, size_t(length));
  return Parsed::done;
}

// One request and its answer. Null, or what went wrong.
const char* get(const Url& url, const std::string& token, int64_t deadline, Answer* answer) {
  const char* why = "";
  base::Fd fd(transport::connect_tcp(url.host.c_str(), url.port, kConnectLimitMs, &why));
  if (!fd) return why;
  std::string request = "GET " + url.path + " HTTP/1.1\r\nHost: " + url.authority +
                        "\r\nUser-Agent: tensor-fusion\r\nAccept: text/plain\r\nConnection: close\r\n";
  if (!token.empty()) request += "Authorization: Bearer " + token + "\r\n";
  if (!send_all(fd.get(), request + "\r\n")) return "the connection broke";
  std::string text;
  for (;;) {
    int64_t left = deadline - now_ms();
    pollfd p{fd.get(), POLLIN, 0};
    int ready = left > 0 ? poll(&p, 1, int(left)) : 0;
    if (ready == 0) return "no answer in time";
    char piece[4096];
    ssize_t n = ready > 0 ? recv(fd.get(), piece, sizeof piece, MSG_DONTWAIT) : -1;
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return "the connection broke";
    text.append(piece, size_t(n));
    if (text.size() > kMaxAnswer) return "the answer is too long for a connection string";
    Parsed parsed = parse_answer(text, n == 0, answer);
    if (parsed == Parsed::done) return nullptr;
    if (parsed == Parsed::bad) return text.empty() ? "it closed the connection without an answer" : "the answer is not HTTP";
  }
}

const char* meaning(int status) {
  switch (status) {
    case 401:
      return "the token was not accepted (set TENSOR_FUSION_OPERATOR_CONNECTION_TOKEN, or run under the service account that "
             "owns the connection)";
    case 404:
      return "there is no such connection";
    case 503:
      return "no worker became ready in time";
    case 504:
      return "no worker became ready in time";
    default:
      return "that is not an answer to expect from an operator";
  }
}

}  // namespace

bool fetch_connection(const char* text, int limit_ms, std::string* body) {
  Url url;
  if (const char* wrong = parse_url(text, &url)) {
    base::complain("TENSOR_FUSION_OPERATOR_GET_CONNECTION_URL=%s: %s", text, wrong);
    return false;
  }
  std::string token = read_token();
  int64_t deadline = now_ms() + limit_ms;
  base::log(base::Level::info, "asking %s for a worker", text);
  for (;;) {
    Answer answer;
    if (const char* wrong = get(url, token, deadline, &answer)) {
      base::complain("cannot ask %s for a worker: %s", text, wrong);
      return false;
    }
    if (answer.status == 200) {
      *body = std::move(answer.body);
      return true;
    }
    bool try_again = (answer.status == 503 || answer.status == 504) && now_ms() + kRetryMs < deadline;
    if (!try_again) {
      base::complain("%s answered HTTP status %d: %s", text, answer.status, meaning(answer.status));
      return false;
    }
    base::log(base::Level::info, "no worker yet (HTTP status %d), asking again", answer.status);
    timespec pause{kRetryMs / 1000, kRetryMs % 1000 * 1000000L};
    nanosleep(&pause, nullptr);
  }
}

}  // namespace teleport
