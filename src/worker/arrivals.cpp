// See arrivals.h.
#include "worker/arrivals.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/futex.h"
#include "wire/frame.h"

namespace worker {
namespace {

constexpr uint64_t kSilentNs = 100'000'000, kNextLookNs = 5'000'000;

struct StripeHello {
  wire::Hello hello;
  HandleName name;
};
enum class Kind { unknown, begun, client, stripe, gone };

Kind look(int socket, StripeHello* h) {
  const ssize_t got = recv(socket, h, sizeof *h, MSG_PEEK | MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Kind::unknown;
  if (got <= 0) return Kind::gone;   // a probe of the port
  if (memcmp(h, &wire::kMagic, std::min(size_t(got), sizeof wire::kMagic)) != 0) return Kind::client;
  if (size_t(got) < sizeof h->hello) return Kind::begun;
  if (h->hello.stripe != 1 || h->hello.version != wire::kVersion || h->hello.auth_bytes || h->hello.token_bytes != sizeof h->name || h->hello.environment_bytes)
    return Kind::client;   // one that is no good a session refuses
  return size_t(got) < sizeof *h ? Kind::begun : Kind::stripe;
}

}  // namespace

void Arrivals::add(base::Fd socket) { all_.push_back({std::move(socket), base::now_ns() + kSilentNs, false}); }

void Arrivals::add_to(std::vector<pollfd>* fds) const {
  for (const Arrival& a : all_)
    if (!a.begun) fds->push_back({a.socket.get(), POLLIN, 0});
}

void Arrivals::sort(SharedHandles& handles, const std::function<void(base::Fd client)>& admit) {
  for (auto it = all_.begin(); it != all_.end();) {
    StripeHello h;
    Kind kind = look(it->socket.get(), &h);
    if ((kind == Kind::unknown || kind == Kind::begun) && base::now_ns() >= it->until_ns) kind = Kind::client;
    it->begun = kind == Kind::begun;
    if (kind == Kind::client) {
      admit(std::move(it->socket));
    } else if (kind == Kind::stripe) {
      recv(it->socket.get(), &h, sizeof h, MSG_DONTWAIT);
      wire::HelloReply reply;
      const int socket = it->socket.get();
      if (handles.find(h.name) >= 0) reply.status = wire::HelloStatus::refused;
      send(socket, &reply, sizeof reply, MSG_NOSIGNAL | MSG_DONTWAIT);   // the session is asked for it only after that
      if (reply.status == wire::HelloStatus::ok) handles.keep(h.name, std::move(it->socket), 0, true);
    }
    it = kind == Kind::unknown || kind == Kind::begun ? std::next(it) : all_.erase(it);
  }
}

uint64_t Arrivals::next_look_ns() const {
  uint64_t next = ~0ull;
  for (const Arrival& a : all_) next = std::min({next, a.until_ns, a.begun ? base::now_ns() + kNextLookNs : uint64_t(~0ull)});
  return next;
}

}  // namespace worker
