// For programs that need a second process: it is the same program, started anew (a fork of a process that has a GPU has none), and the two
// talk over a socket.
#pragma once
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "check.h"

struct Other {
  int socket = -1;
  pid_t pid = 0;

  // In the second process `arguments` has the socket's number; in the first this starts the second.
  Other(int count, char** arguments) {
    if (count > 1) {
      socket = atoi(arguments[1]);
      return;
    }
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    fflush(stdout);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
      close(ends[0]);
      execl("/proc/self/exe", arguments[0], std::to_string(ends[1]).c_str(), nullptr);
      _exit(127);
    }
    close(ends[1]);
    socket = ends[0];
  }
  bool is_first() const { return pid != 0; }

  template <typename T> void put(const T& value) { CHECK(write(socket, &value, sizeof value) == sizeof value); }
  template <typename T> T get() {
    T value;
    CHECK(recv(socket, &value, sizeof value, MSG_WAITALL) == sizeof value);   // else: the other one has ended
    return value;
  }
  void turn() { put('.'); }             // it is the other's turn
  void wait() { CHECK(get<char>() == '.'); }

  void put_descriptor(int fd) {
    char byte = 'd', room[CMSG_SPACE(sizeof fd)] = {};
    iovec data{&byte, 1};
    msghdr message{};
    message.msg_iov = &data, message.msg_iovlen = 1, message.msg_control = room, message.msg_controllen = sizeof room;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    CHECK(sendmsg(socket, &message, 0) == 1);
  }
  int get_descriptor() {
    char byte, room[CMSG_SPACE(sizeof(int))] = {};
    iovec data{&byte, 1};
    msghdr message{};
    message.msg_iov = &data, message.msg_iovlen = 1, message.msg_control = room, message.msg_controllen = sizeof room;
    CHECK(recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message));
    int fd;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
  }

  int end() {                           // the first one's last word: the second must have ended well too
    if (!is_first()) return 0;
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return 0;
  }
};
