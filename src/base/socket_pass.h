// One small message, with at most one file descriptor, over a Unix socket that keeps message borders (SOCK_SEQPACKET).
// Any thread may call; the two ends belong to one thread each.
#pragma once
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/fd.h"

namespace base {

// False: the other end is gone or its buffer is full (errno says which). fd stays the caller's; -1: none.
inline bool send_message(int socket, const void* data, size_t bytes, int fd = -1) {
  iovec part{const_cast<void*>(data), bytes};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  ssize_t sent;
  do sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  return sent == ssize_t(bytes);
}

// Bytes received, 0 when the other end is gone, -1 with errno (EAGAIN: nothing there and flags has MSG_DONTWAIT).
// The descriptor that came along, close-on-exec, is put into *fd; without one *fd is left alone.
inline ssize_t receive_message(int socket, void* data, size_t bytes, Fd* fd, int flags = 0) {
  iovec part{data, bytes};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do got = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got < 0) return got;
  if (cmsghdr* header = CMSG_FIRSTHDR(&message);
      header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int))) {
    int received;
    memcpy(&received, CMSG_DATA(header), sizeof received);
    *fd = Fd(received);
  }
  return got;
}

}  // namespace base
