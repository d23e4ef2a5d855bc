// Connection strings, the connection URL against a small server of our own, and the other settings.
#include "teleport/config.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "teleport/connection_url.h"

namespace {
using teleport::Endpoint;

constexpr const char* kInfo = "TENSOR_FUSION_OPERATOR_CONNECTION_INFO";
constexpr const char* kUrl = "TENSOR_FUSION_OPERATOR_GET_CONNECTION_URL";
constexpr const char* kToken = "TENSOR_FUSION_OPERATOR_CONNECTION_TOKEN";

// What code writes to stderr.
std::string said(const std::function<void()>& code) {
  testing::internal::CaptureStderr();
  code();
  return testing::internal::GetCapturedStderr();
}
size_t lines(const std::string& text) { return size_t(std::count(text.begin(), text.end(), '\n')); }

std::string parsed(const char* text) {
  Endpoint e{};
  const char* why = nullptr;
  if (!teleport::parse_connection(text, &e, &why)) return std::string("refused: ") + why;
  return std::string(e.host) + " " + std::to_string(e.port) + " " + e.version;
}

TEST(ConnectionString, Good) {
  EXPECT_EQ(parsed("native+192.168.1.100+12345+0"), "192.168.1.100 12345 0");
  EXPECT_EQ(parsed("native+gpu-host.example+65535+worker-abc-9f-123456"), "gpu-host.example 65535 worker-abc-9f-123456");
  EXPECT_EQ(parsed("native+::1+1+0"), "::1 1 0");
  EXPECT_EQ(parsed("native+[fe80::1%eth0]+8000+0"), "fe80::1%eth0 8000 0");
  EXPECT_EQ(parsed(" native+h+8000+a+b\n"), "h 8000 a+b");  // the version is opaque
}

TEST(ConnectionString, Bad) {
  EXPECT_EQ(parsed(""), "refused: it has no '+'");
  EXPECT_EQ(parsed("192.168.1.100:12345"), "refused: it has no '+'");
  EXPECT_EQ(parsed("tcp+h+1+0"), "refused: its protocol is not \"native\"");
  EXPECT_EQ(parsed("shmem+/my_shm+256+0"), "refused: shared memory (shmem+...) is not supported by this build");
  EXPECT_EQ(parsed("native+h+12345"), "refused: it has fewer than four parts");
  EXPECT_EQ(parsed("native++12345+0"), "refused: its host is empty");
  EXPECT_EQ(parsed("native+a b+12345+0"), "refused: its host is not a name or an address");
  for (auto* port : {"", "0", "65536", "-1", "12a", "99999999999999999999", " 1"})
    EXPECT_EQ(parsed(("native+h+" + std::string(port) + "+0").c_str()), "refused: its port is not a number from 1 to 65535")
        << port;
  EXPECT_EQ(parsed("native+h+1+"), "refused: its version is empty");
  EXPECT_EQ(parsed(("native+" + std::string(256, 'h') + "+1+0").c_str()), "refused: its host is too long");
  EXPECT_EQ(parsed(("native+h+1+" + std::string(256, 'v')).c_str()), "refused: its version is too long");
}

struct Environment : testing::Test {
  void SetUp() override { clear(); }
  void TearDown() override { clear(); }
  static void clear() {
    for (auto* name : {kInfo, kUrl, kToken, "TF_MAX_CACHE_REQUEST_COUNT"}) unsetenv(name);
  }
  Endpoint endpoint{};
  const char* why = nullptr;
};

TEST_F(Environment, InfoWinsOverUrl) {
  setenv(kInfo, "native+host+1234+v", 1);
  setenv(kUrl, "http://127.0.0.1:1/", 1);
  ASSERT_TRUE(teleport::resolve_endpoint(&endpoint, &why));
  EXPECT_STREQ(endpoint.host, "host");
  EXPECT_EQ(endpoint.port, 1234);
  EXPECT_STREQ(endpoint.version, "v");
}

TEST_F(Environment, NothingSet) {
  std::string text = said([&] { EXPECT_FALSE(teleport::resolve_endpoint(&endpoint, &why)); });
  EXPECT_EQ(lines(text), 1u);
  EXPECT_NE(text.find(kInfo), text.npos);
  EXPECT_STREQ(why, "no worker given");
}

TEST_F(Environment, BadInfoIsOneClearLine) {
  setenv(kInfo, "native+host", 1);
  std::string text = said([&] { EXPECT_FALSE(teleport::resolve_endpoint(&endpoint, &why)); });
  EXPECT_EQ(lines(text), 1u);
  EXPECT_NE(text.find("\"native+host\": it has fewer than four parts. Expected native+HOST+PORT+VERSION"), text.npos) << text;
}

TEST_F(Environment, MaxCacheRequestCount) {
  EXPECT_EQ(teleport::max_cache_request_count(), 100u);
  setenv("TF_MAX_CACHE_REQUEST_COUNT", "7", 1);
  EXPECT_EQ(teleport::max_cache_request_count(), 7u);
  for (auto* bad : {"0", "-3", "many", "1e3", ""}) {
    setenv("TF_MAX_CACHE_REQUEST_COUNT", bad, 1);
    EXPECT_EQ(teleport::max_cache_request_count(), 100u) << bad;
  }
}

// Answers each request in turn with the next of `answers`, in pieces of `piece` bytes, then closes; keeps the requests.
class Server {
 public:
  Server(std::vector<std::string> answers, size_t piece = 1 << 20, int family = AF_INET)
      : answers_(std::move(answers)), piece_(piece) {
    fd_ = socket(family, SOCK_STREAM, 0);
    sockaddr_storage address{};
    address.ss_family = sa_family_t(family);
    if (family == AF_INET6)
      reinterpret_cast<sockaddr_in6*>(&address)->sin6_addr = in6addr_loopback;
    else
      reinterpret_cast<sockaddr_in*>(&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t n = sizeof address;
    works_ =
        bind(fd_, reinterpret_cast<sockaddr*>(&address), family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in)) == 0 &&
        listen(fd_, 8) == 0 && getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &n) == 0;
    port_ = ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port);  // at the same place for both families
    if (works_) thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    shutdown(fd_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    close(fd_);
  }
  bool works() const { return works_; }
  std::string url(const std::string& host = "127.0.0.1") const {
    return "http://" + host + ":" + std::to_string(port_) + "/api/connection?name=c&namespace=n";
  }
  std::vector<std::string> requests;

 private:
  void serve() {
    for (const std::string& answer : answers_) {
      int c = accept(fd_, nullptr, nullptr);
      if (c < 0) return;
      std::string request;
      char text[4096];
      while (request.find("\r\n\r\n") == request.npos) {
        ssize_t n = recv(c, text, sizeof text, 0);
        if (n <= 0) break;
        request.append(text, size_t(n));
      }
      requests.push_back(request);
      if (answer == "hang") {
        pollfd p{c, POLLIN, 0};
        poll(&p, 1, 10000);
      } else {
        for (size_t at = 0; at < answer.size(); at += piece_) {
          if (at) usleep(2000);
          send(c, answer.data() + at, std::min(piece_, answer.size() - at), MSG_NOSIGNAL);
        }
      }
      close(c);
    }
  }
  std::vector<std::string> answers_;
  size_t piece_;
  int fd_;
  bool works_;
  uint16_t port_ = 0;
  std::thread thread_;
};

std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
std::string status(int code) { return "HTTP/1.1 " + std::to_string(code) + " Some Words\r\nContent-Length: 2\r\n\r\n{}"; }

using ConnectionUrl = Environment;

TEST_F(ConnectionUrl, GivesTheEndpoint) {
  Server server({ok("native+10.0.0.7+8000+worker-1-42\n")});
  setenv(kUrl, server.url().c_str(), 1);
  setenv(kToken, "secret token", 1);
  ASSERT_TRUE(teleport::resolve_endpoint(&endpoint, &why));
  EXPECT_STREQ(endpoint.host, "10.0.0.7");
  EXPECT_EQ(endpoint.port, 8000);
  EXPECT_STREQ(endpoint.version, "worker-1-42");
  ASSERT_EQ(server.requests.size(), 1u);
  const std::string& request = server.requests[0];
  EXPECT_EQ(request.substr(0, request.find("\r\n")), "GET /api/connection?name=c&namespace=n HTTP/1.1");
  EXPECT_NE(request.find("\r\nHost: " + server.url().substr(7, server.url().find('/', 7) - 7) + "\r\n"), request.npos);
  EXPECT_NE(request.find("\r\nAuthorization: Bearer secret token\r\n"), request.npos);
}

TEST_F(ConnectionUrl, BodiesOfAllKinds) {
  std::string chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7\r\nnative+\r\nb;x=y\r\nhost+1234+0\r\n0\r\n\r\n";
  std::string until_closed = "HTTP/1.0 200 OK\r\n\r\nnative+host+1234+0";
  for (const std::string& answer : {ok("native+host+1234+0"), chunked, until_closed})
    for (size_t piece : {size_t(1 << 20), size_t(7)}) {
      Server server({answer}, piece);
      std::string body;
      ASSERT_TRUE(teleport::fetch_connection(server.url().c_str(), 5000, &body)) << answer;
      EXPECT_EQ(body, "native+host+1234+0");
    }
}

TEST_F(ConnectionUrl, OverIpv6) {
  Server server({ok("native+host+1+0")}, 1 << 20, AF_INET6);
  if (!server.works()) GTEST_SKIP() << "no IPv6 here";
  std::string body;
  EXPECT_TRUE(teleport::fetch_connection(server.url("[::1]").c_str(), 5000, &body));
}

TEST_F(ConnectionUrl, AsksAgainWhileThereIsNoWorker) {
  Server server({status(503), status(504), ok("native+host+1+0")});
  std::string body;
  EXPECT_TRUE(teleport::fetch_connection(server.url().c_str(), 20000, &body));
  EXPECT_EQ(server.requests.size(), 3u);
}

TEST_F(ConnectionUrl, EachFailureIsOneClearLine) {
  struct {
    std::string answer;
    const char* words;
  } cases[] = {
      {status(401), "HTTP status 401: the token was not accepted"},
      {status(404), "HTTP status 404: there is no such connection"},
      {status(503), "HTTP status 503: no worker became ready in time"},
      {status(504), "HTTP status 504: no worker became ready in time"},
      {status(500), "HTTP status 500: that is not an answer to expect from an operator"},
      {"hang", "no answer in time"},
      {"", "it closed the connection without an answer"},
      {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "the answer is not HTTP"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnative", "the answer is not HTTP"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "the answer is not HTTP"},
      {ok(std::string(100000, 'x')), "the answer is too long"},
  };
  for (auto& c : cases) {
    Server server({c.answer});
    std::string body, text = said([&] { EXPECT_FALSE(teleport::fetch_connection(server.url().c_str(), 600, &body)); });
    EXPECT_EQ(lines(text), 1u) << text;
    EXPECT_NE(text.find(c.words), text.npos) << text << " expected: " << c.words;
  }
}

TEST_F(ConnectionUrl, BadAddresses) {
  struct {
    const char* url;
    const char* words;
  } cases[] = {{"https://operator/x", "https is not supported here"},
               {"operator:8080/x", "it does not begin with http://"},
               {"http:///x", "it names no host"},
               {"http://h:0/", "its port is not a number"},
               {"http://h:70000/", "its port is not a number"},
               {"http://user@h/", "it is not a valid address"},
               {"http://h/a b", "it is not a valid address"},
               {"http://[::1/", "it is not a valid address"},
               {"http://127.0.0.1:1/x", "cannot ask http://127.0.0.1:1/x for a worker: "}};
  for (auto& c : cases) {
    std::string body, text = said([&] { EXPECT_FALSE(teleport::fetch_connection(c.url, 2000, &body)); });
    EXPECT_EQ(lines(text), 1u) << text;
    EXPECT_NE(text.find(c.words), text.npos) << text;
  }
}

TEST_F(ConnectionUrl, BadBodyIsOneClearLine) {
  Server server({ok("no\r\nworker")});
  setenv(kUrl, server.url().c_str(), 1);
  std::string text = said([&] { EXPECT_FALSE(teleport::resolve_endpoint(&endpoint, &why)); });
  EXPECT_EQ(lines(text), 1u);
  EXPECT_NE(text.find("gives \"no  worker\": it has no '+'"), text.npos) << text;
}

}  // namespace
