// The process model from outside: a worker (worker_fake: the real main() with a small serve()) and clients on its port.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/futex.h"
#include "wire/frame.h"
#include "worker/serve_fake.h"

namespace worker {
namespace {

const std::string kFakes = TF_FAKES, kDriverFile = kFakes + "/fake/driver/libcuda.so.1";
constexpr int kPatienceMs = 20000;

template <class F>
bool comes_true(F f, int within_ms = kPatienceMs) {
  for (const uint64_t until = base::now_ns() + uint64_t(within_ms) * 1000000; base::now_ns() < until; usleep(10000))
    if (f()) return true;
  return f();
}
bool alive(pid_t pid) {   // a zombie is dead
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(stat, line)) return false;
  return line[line.rfind(')') + 2] != 'Z';
}

// A running worker; its output comes through a pipe.
class Worker {
 public:
  explicit Worker(std::vector<std::string> environment = {}, std::vector<std::string> arguments = {"--driver", kDriverFile}) {
    arguments.insert(arguments.begin(), {kFakes + "/worker_fake", "-p", "0"});
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    output_ = base::Fd(ends[0]);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], 1);
      for (const char* name : {"TF_LOG_PATH", "TF_LOG_LEVEL", "TF_FAKE_DRIVER", "TF_CUDA_LIB_PATH", "TF_NVML_LIB_PATH"}) unsetenv(name);
      setenv("TF_ENABLE_LOG", "1", 1);
      for (auto& setting : environment) putenv(setting.data());
      for (int fd = 3; fd < 1024; fd++) close(fd);   // what the test runner left open
      std::vector<char*> argv;
      for (auto& word : arguments) argv.push_back(word.data());
      argv.push_back(nullptr);
      execv(argv[0], argv.data());
      _exit(127);
    }
    close(ends[1]);
    wait_for_port();
  }
  ~Worker() {
    if (pid_ > 0) kill(pid_, SIGKILL), wait();
  }
  int wait() {
    int status = -1;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }
  pid_t pid() const { return pid_; }
  uint16_t port() const { return port_; }
  const std::string& text() const { return text_; }
  bool says(const std::string& what) {
    return comes_true([&] { read_output(0); return text_.find(what) != std::string::npos; });
  }
  std::vector<pid_t> children() const {
    std::ifstream list("/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_) + "/children");
    std::vector<pid_t> pids;
    for (pid_t pid; list >> pid;) pids.push_back(pid);
    return pids;
  }

 private:
  bool read_output(int timeout_ms) {
    pollfd wait{output_.get(), POLLIN, 0};
    if (poll(&wait, 1, timeout_ms) <= 0) return false;
    char buffer[4096];
    const ssize_t n = read(output_.get(), buffer, sizeof buffer);
    if (n > 0) text_.append(buffer, size_t(n));
    return n > 0;
  }
  void wait_for_port() {
    size_t at;
    while ((at = text_.find("listening on port ")) == std::string::npos || text_.find('\n', at) == std::string::npos)
      if (!read_output(kPatienceMs)) break;
    ASSERT_NE(at, std::string::npos) << text_;
    port_ = uint16_t(atoi(text_.c_str() + at + strlen("listening on port ")));
  }
  pid_t pid_ = -1;
  base::Fd output_;
  std::string text_;
  uint16_t port_ = 0;
};

class Client {
 public:
  explicit Client(const Worker& worker, int family = AF_INET) : socket_(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(worker.port());
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(worker.port());
    six.sin6_addr = in6addr_loopback;
    timeval patience{kPatienceMs / 1000, 0};
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    connected_ = family == AF_INET ? connect(socket_.get(), reinterpret_cast<sockaddr*>(&four), sizeof four) == 0
                                   : connect(socket_.get(), reinterpret_cast<sockaddr*>(&six), sizeof six) == 0;
  }
  bool connected() const { return connected_; }
  bool send(const void* data, size_t n) { return ::send(socket_.get(), data, n, MSG_NOSIGNAL) == ssize_t(n); }
  bool receive(void* data, size_t n) { return recv(socket_.get(), data, n, MSG_WAITALL) == ssize_t(n); }
  bool closed() { char c; return recv(socket_.get(), &c, 1, 0) <= 0; }

  FakeHello hello() {
    FakeHello hello{};
    EXPECT_TRUE(receive(&hello, sizeof hello));
    return hello;
  }
  bool echoes() {
    char back = 0;
    return send("ex", 2) && receive(&back, 1) && back == 'x';
  }
  bool charge(uint64_t bytes) {
    char answer = -1;
    EXPECT_TRUE(send("c", 1) && send(&bytes, sizeof bytes) && receive(&answer, 1));
    return answer == 1;
  }
  uint64_t used() {
    uint64_t bytes = ~0ull;
    EXPECT_TRUE(send("u", 1) && receive(&bytes, sizeof bytes));
    return bytes;
  }
  // What a client of the real protocol sees.
  wire::HelloStatus refusal(std::string* text) {
    wire::Hello hello;
    wire::HelloReply reply;
    reply.status = wire::HelloStatus::ok;
    EXPECT_TRUE(send(&hello, sizeof hello));
    const uint64_t start = base::now_ns();
    for (int i = 0; i < 3; i++) {   // a client may send calls before it reads the answer: no reset may come in between
      usleep(20000);
      EXPECT_TRUE(send(std::string(64 << 10, 'x').data(), 64 << 10));
    }
    EXPECT_TRUE(receive(&reply, sizeof reply));
    EXPECT_EQ(reply.magic, wire::kMagic);
    text->resize(reply.text_bytes);
    EXPECT_TRUE(receive(text->data(), text->size()));
    EXPECT_TRUE(closed());
    EXPECT_LT(base::now_ns() - start, 2500000000ull) << "the client waits for the end";
    return reply.status;
  }

 private:
  base::Fd socket_;
  bool connected_ = false;
};

TEST(Listener, each_client_has_a_process_of_its_own) {
  Worker worker;
  Client one(worker), two(worker);
  FakeHello first = one.hello(), second = two.hello();
  EXPECT_NE(first.pid, second.pid);
  EXPECT_NE(first.pid, worker.pid());
  EXPECT_NE(first.session, second.session);
  EXPECT_NE(first.slot, second.slot);
  EXPECT_EQ(first.group, first.pid) << "a process group of its own";
  EXPECT_TRUE(first.sigpipe_ignored);
  EXPECT_TRUE(first.signals_open) << "the listener's signal mask was passed on";
  EXPECT_LE(first.descriptors, 6) << "stdio, the client's socket, the quota, the socket to the listener";
  EXPECT_TRUE(one.echoes());
  EXPECT_TRUE(two.echoes());
  std::ifstream comm("/proc/" + std::to_string(first.pid) + "/comm");
  std::string name;
  comm >> name;
  EXPECT_EQ(name, std::string("tensor-fusion-worker").substr(0, 15));
  EXPECT_TRUE(comes_true([&] { return worker.children().size() == 3; })) << "two sessions and a spare";
}

TEST(Listener, sessions_map_memory_far_below_where_clients_do) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer needs the usual layout";
#endif
  if (personality(0xffffffff) < 0 || personality(unsigned(personality(0xffffffff))) < 0) GTEST_SKIP() << "personality() is not allowed here";
  Worker worker;
  Client client(worker);
  EXPECT_LT(client.hello().fresh_mapping, 0x600000000000ull);
}

TEST(Listener, takes_ipv6_clients_where_there_is_ipv6) {
  if (access("/proc/net/if_inet6", F_OK) != 0) GTEST_SKIP() << "no IPv6 here";
  Worker worker;
  Client client(worker, AF_INET6);
  if (!client.connected()) GTEST_SKIP() << "no IPv6 loopback here";
  client.hello();
  EXPECT_TRUE(client.echoes());
}

TEST(Listener, a_killed_session_is_nobody_elses_business) {
  Worker worker({"TF_CUDA_MEMORY_LIMIT=100"});
  Client victim(worker), bystander(worker);
  const pid_t pid = victim.hello().pid;
  bystander.hello();
  EXPECT_TRUE(victim.charge(60 << 20));
  EXPECT_FALSE(bystander.charge((40 << 20) + 1)) << "the limit is the worker's";
  EXPECT_TRUE(bystander.charge(40 << 20));
  kill(pid, SIGKILL);
  EXPECT_TRUE(victim.closed());
  EXPECT_TRUE(comes_true([&] { return bystander.used() == 40 << 20; })) << "what the dead held was given back";
  EXPECT_TRUE(bystander.charge(60 << 20));
  Client next(worker);
  next.hello();
  EXPECT_TRUE(next.echoes());
  EXPECT_TRUE(worker.says("was killed by signal 9")) << worker.text();
}

TEST(Listener, a_session_that_aborts_or_ends_makes_room) {
  Worker worker;
  for (const char* how : {"a", "q", "a", "q"}) {
    Client client(worker);
    client.hello();
    EXPECT_TRUE(client.charge(1000));
    EXPECT_TRUE(client.send(how, 1));
    EXPECT_TRUE(client.closed());
  }
  EXPECT_TRUE(comes_true([&] { return worker.children().size() == 1; }));
  Client last(worker);
  last.hello();
  EXPECT_EQ(last.used(), 0u);
}

TEST(Listener, twenty_clients_at_once) {
  Worker worker;
  std::vector<Client> clients;
  for (int i = 0; i < 20; i++) clients.emplace_back(worker);
  for (Client& client : clients) client.hello();
  for (Client& client : clients) EXPECT_TRUE(client.echoes());
}

TEST(Listener, clients_beyond_the_limit_are_refused_until_one_leaves) {
  constexpr int kLimit = 256;
  Worker worker;
  std::vector<Client> clients;
  for (int i = 0; i < kLimit; i++) clients.emplace_back(worker);
  for (Client& client : clients) client.hello();
  std::string text;
  EXPECT_EQ(Client(worker).refusal(&text), wire::HelloStatus::refused);
  EXPECT_NE(text.find("256 clients"), std::string::npos) << text;
  EXPECT_TRUE(clients.back().send("q", 1));
  EXPECT_TRUE(comes_true([&] {
    Client next(worker);
    FakeHello hello{};
    return next.receive(&hello, sizeof hello) && hello.pid > 0 && alive(hello.pid);
  }));
}

TEST(Listener, a_spare_that_dies_waiting_is_replaced) {
  Worker worker;
  for (int i = 0; i < 4; i++) {
    ASSERT_TRUE(comes_true([&] { return worker.children().size() == 1; }));
    const pid_t spare = worker.children()[0];
    kill(spare, SIGKILL);
    ASSERT_TRUE(comes_true([&] { return !alive(spare); }));
    Client client(worker);
    client.hello();
    EXPECT_TRUE(client.echoes());
  }
}

TEST(Listener, a_spare_that_dies_with_a_clients_socket_in_hand_loses_no_client) {
  Worker worker;
  ASSERT_TRUE(comes_true([&] { return worker.children().size() == 1; }));
  Client(worker).hello();
  ASSERT_TRUE(comes_true([&] { return worker.children().size() == 1; }));
  const pid_t spare = worker.children()[0];
  usleep(50000);            // it is ready
  kill(spare, SIGSTOP);
  Client client(worker);    // its socket goes to the spare, which does not answer
  usleep(50000);
  kill(spare, SIGKILL);
  EXPECT_NE(client.hello().pid, spare);
  EXPECT_TRUE(client.echoes());
}

TEST(Listener, sigterm_ends_all_with_status_0) {
  for (int signal : {SIGTERM, SIGINT}) {
    Worker worker;
    Client client(worker);
    const pid_t session = client.hello().pid;
    ASSERT_TRUE(comes_true([&] { return worker.children().size() == 2; }));
    const std::vector<pid_t> children = worker.children();
    const uint64_t start = base::now_ns();
    kill(worker.pid(), signal);
    const int status = worker.wait();
    EXPECT_LT(base::now_ns() - start, 2500000000ull) << "sessions were told to end, not waited for and killed";
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    for (pid_t child : children) EXPECT_TRUE(comes_true([&] { return !alive(child); }));
    EXPECT_FALSE(alive(session));
    EXPECT_TRUE(client.closed());
    EXPECT_FALSE(Client(worker).connected());
  }
}

TEST(Listener, sessions_die_with_the_listener) {
  Worker worker;
  Client client(worker);
  client.hello();
  ASSERT_TRUE(comes_true([&] { return worker.children().size() == 2; }));
  const std::vector<pid_t> children = worker.children();
  kill(worker.pid(), SIGKILL);
  worker.wait();
  for (pid_t child : children) EXPECT_TRUE(comes_true([&] { return !alive(child); }));
}

TEST(Listener, a_driver_that_crashes_in_every_session_is_said_to_clients) {
  char file[] = "/tmp/worker-test-XXXXXX";
  base::Fd(mkstemp(file));
  Worker worker({std::string("TF_FAKE_DRIVER=crash_in_session_while_there=") + file});
  std::string text;
  Client early(worker);   // waits for the first spare, is told when three have died
  EXPECT_EQ(early.refusal(&text), wire::HelloStatus::driver_failed);
  EXPECT_NE(text.find("was killed by signal 6"), std::string::npos) << text;
  Client late(worker);
  EXPECT_EQ(late.refusal(&text), wire::HelloStatus::driver_failed);
  EXPECT_TRUE(worker.says("3 session processes in a row did not start")) << worker.text();
  unlink(file);   // the driver is well again
  EXPECT_TRUE(comes_true([&] {
    Client client(worker);
    FakeHello hello{};
    return client.receive(&hello, sizeof hello) && hello.pid > 0 && alive(hello.pid) && client.echoes();
  })) << "it goes on trying";
}

TEST(Listener, the_drivers_own_error_reaches_the_client) {
  Worker worker({"TF_FAKE_DRIVER=fail_in_session"});
  std::string text;
  Client client(worker);
  EXPECT_EQ(client.refusal(&text), wire::HelloStatus::driver_failed);
  EXPECT_NE(text.find("cuInit of " + kDriverFile + " answers error 999"), std::string::npos) << text;
}

TEST(Listener, without_a_log_only_the_chosen_port_is_printed) {
  Worker worker({"TF_ENABLE_LOG=0"});
  Client client(worker);
  client.hello();
  kill(worker.pid(), SIGTERM);
  worker.wait();
  EXPECT_EQ(worker.text(), "listening on port " + std::to_string(worker.port()) + "\n");
}

int run(const std::string& command, std::string* output) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  char buffer[1000];
  output->clear();
  while (size_t n = fread(buffer, 1, sizeof buffer, pipe)) output->append(buffer, n);
  return WEXITSTATUS(pclose(pipe));
}

TEST(Main, says_what_is_wrong_in_one_line) {
  const std::string worker = kFakes + "/worker_fake ";
  std::string text;
  EXPECT_EQ(run(worker + "-h", &text), 0);
  EXPECT_EQ(text.substr(0, 38), "Usage: tensor-fusion-worker [option]\nO");
  EXPECT_EQ(run(worker + "-v", &text), 0);
  EXPECT_EQ(text.substr(0, 21), "tensor-fusion-worker ");
  EXPECT_EQ(run(worker + "-n shmem -m /x -M 256", &text), 2);
  EXPECT_EQ(text, "tensor-fusion: -n shmem is not yet supported: use -n native\n");
  EXPECT_EQ(run("TF_CUDA_MEMORY_LIMIT=lots " + worker, &text), 2);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  EXPECT_EQ(run(worker + "-p 0 --driver /nowhere/libcuda.so.1", &text), 1);
  EXPECT_NE(text.find("cannot use libcuda /nowhere/libcuda.so.1"), std::string::npos) << text;
  Worker other;
  EXPECT_EQ(run(worker + "-p " + std::to_string(other.port()), &text), 1);
  EXPECT_EQ(text, "tensor-fusion: cannot listen on port " + std::to_string(other.port()) + ": Address already in use\n");
}

}  // namespace
}  // namespace worker
