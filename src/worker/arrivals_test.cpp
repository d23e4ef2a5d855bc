// What a new connection is: a session's further connection, kept under its name, or a client whose bytes stay unread.
#include "worker/arrivals.h"

#include <gtest/gtest.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "wire/frame.h"

namespace worker {
namespace {

struct Stripe {
  wire::Hello hello;
  HandleName name{11, 22};
  Stripe() {
    hello.stripe = 1;
    hello.token_bytes = sizeof name;
  }
  std::string bytes(size_t n = sizeof(wire::Hello) + sizeof(HandleName)) const {
    std::string all(reinterpret_cast<const char*>(&hello), sizeof hello);
    all.append(reinterpret_cast<const char*>(&name), sizeof name);
    return all.substr(0, n);
  }
};

class ArrivalsTest : public testing::Test {
 protected:
  ~ArrivalsTest() override {
    for (int fd : ours_) close(fd);
  }
  int arrive(const std::string& bytes) {
    int ends[2];
    EXPECT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
    ours_.push_back(ends[1]);
    send_bytes(ends[1], bytes);
    arrivals_.add(base::Fd(ends[0]));
    return ends[1];
  }
  static void send_bytes(int fd, const std::string& bytes) { EXPECT_EQ(ssize_t(bytes.size()), write(fd, bytes.data(), bytes.size())); }
  void sort() {
    arrivals_.sort(handles_, [this](base::Fd client) { clients_.push_back(std::move(client)); });
  }
  static int status(int fd) {   // of the answer; -1: none
    wire::HelloReply r;
    return recv(fd, &r, sizeof r, MSG_DONTWAIT) == ssize_t(sizeof r) ? int(r.status) : -1;
  }
  Arrivals arrivals_;
  SharedHandles handles_;
  std::vector<base::Fd> clients_;
  std::vector<int> ours_;
};

TEST_F(ArrivalsTest, AFurtherConnectionIsKeptAndAnswered) {
  const Stripe stripe;
  int fd = arrive(stripe.bytes(44));
  sort();
  EXPECT_EQ(-1, status(fd)) << "the rest of its name is to come";
  EXPECT_LT(handles_.find(stripe.name), 0);
  send_bytes(fd, stripe.bytes().substr(44) + "what the session reads");
  sort();
  EXPECT_EQ(0, status(fd));
  const int kept = handles_.find(stripe.name);
  ASSERT_GE(kept, 0);
  char next[4];
  EXPECT_EQ(4, read(kept, next, 4));
  EXPECT_EQ(0, memcmp(next, "what", 4));
  EXPECT_TRUE(clients_.empty());
}

TEST_F(ArrivalsTest, ANameIsTakenOnce) {
  EXPECT_EQ(0, (arrive(Stripe().bytes()), sort(), status(ours_[0])));
  EXPECT_EQ(int(wire::HelloStatus::refused), (arrive(Stripe().bytes()), sort(), status(ours_[1])));
}

TEST_F(ArrivalsTest, EverythingElseIsAClientWithItsBytes) {
  Stripe bad[4];
  bad[0].hello.stripe = 0;
  bad[1].hello.version = 1;
  bad[2].hello.token_bytes = 8;
  bad[3].hello.environment_bytes = 8;
  for (auto& b : bad) arrive(b.bytes());
  arrive("e");
  arrive(std::string(100, 'x'));
  close(arrive(""));
  ours_.pop_back();
  sort();
  ASSERT_EQ(6u, clients_.size()) << "the last one only looked whether somebody listens";
  std::string got(56, 0);
  EXPECT_EQ(56, read(clients_[0].get(), got.data(), 56));
  EXPECT_EQ(bad[0].bytes(), got);
}

TEST_F(ArrivalsTest, SilenceIsAClientAfterAWhile) {
  arrive("");
  arrive(Stripe().bytes(20));
  sort();
  EXPECT_TRUE(clients_.empty());
  std::vector<pollfd> fds;
  arrivals_.add_to(&fds);
  EXPECT_EQ(1u, fds.size()) << "nobody polls for what is there in part";
  EXPECT_NE(~0ull, arrivals_.next_look_ns());
  usleep(150'000);
  sort();
  EXPECT_EQ(2u, clients_.size());
  EXPECT_EQ(uint64_t(~0ull), arrivals_.next_look_ns());
}

}  // namespace
}  // namespace worker
