// Starting threads inside somebody else's process.
#include "teleport/runtime.h"

#include <pthread.h>
#include <signal.h>

#include <initializer_list>

namespace teleport {

bool start_thread(void* (*main)(void*), void* argument) {
  sigset_t all, before;
  sigfillset(&all);
  // The thread that runs host functions runs code of the program: its faults are its own, or page faults that client/mirror_fault.cpp answers.
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP}) sigdelset(&all, fault);
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // the thread inherits the mask
  pthread_t thread;
  int error = pthread_create(&thread, &attributes, main, argument);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return error == 0;
}

}  // namespace teleport
