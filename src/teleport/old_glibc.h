// Included before everything else in each source of the client libraries (-include, see cmake/client_library.cmake), so that what
// is built on a new system loads on glibc 2.28: functions that got a newer symbol version are tied to the first one, which every
// glibc still carries. test/abi/check.py finds what is missing here. Not to be used at all in the client libraries, since an old
// glibc has no such thing:
//   gettid close_range closefrom execveat getcpu getdents64 tgkill arc4random* mallinfo2 *_clockwait *_clocklock
//   (std::condition_variable's wait_for and wait_until, std::timed_mutex), shm_open (librt there; open /dev/shm/NAME), res_*.
// fstat and its family are defined in cxx_runtime.cpp.
#pragma once
#include <features.h>

// strtol and sscanf of C23 have new names (2.38); keep the old ones.
#ifdef __GLIBC_USE_C2X_STRTOL
#undef __GLIBC_USE_C2X_STRTOL
#define __GLIBC_USE_C2X_STRTOL 0
#endif
#ifdef __GLIBC_USE_C23_STRTOL
#undef __GLIBC_USE_C23_STRTOL
#define __GLIBC_USE_C23_STRTOL 0
#endif

// clang-format off
#if defined(__x86_64__)
#define TF_FIRST_VERSION(function, version) __asm__(".symver " #function "," #function "@GLIBC_" version);
#else
#define TF_FIRST_VERSION(function, version) __asm__(".symver " #function "," #function "@GLIBC_2.17");   // aarch64 began there
#endif

// A directive for a function that the source does not call leaves no trace in its object file.
TF_FIRST_VERSION(dladdr, "2.2.5")
TF_FIRST_VERSION(dlclose, "2.2.5")
TF_FIRST_VERSION(dlerror, "2.2.5")
TF_FIRST_VERSION(dlopen, "2.2.5")
TF_FIRST_VERSION(dlsym, "2.2.5")
TF_FIRST_VERSION(dlvsym, "2.2.5")
TF_FIRST_VERSION(dlinfo, "2.3.3")
TF_FIRST_VERSION(pthread_attr_getstack, "2.2.5")
TF_FIRST_VERSION(pthread_attr_getstacksize, "2.2.5")
TF_FIRST_VERSION(pthread_attr_setguardsize, "2.2.5")
TF_FIRST_VERSION(pthread_attr_setstack, "2.2.5")
TF_FIRST_VERSION(pthread_attr_setstacksize, "2.2.5")
TF_FIRST_VERSION(pthread_cancel, "2.2.5")
TF_FIRST_VERSION(pthread_condattr_setclock, "2.3.3")
TF_FIRST_VERSION(pthread_condattr_setpshared, "2.2.5")
TF_FIRST_VERSION(pthread_create, "2.2.5")
TF_FIRST_VERSION(pthread_detach, "2.2.5")
TF_FIRST_VERSION(pthread_getaffinity_np, "2.3.4")
TF_FIRST_VERSION(pthread_getattr_np, "2.2.5")
TF_FIRST_VERSION(pthread_getname_np, "2.12")
TF_FIRST_VERSION(pthread_getspecific, "2.2.5")
TF_FIRST_VERSION(pthread_join, "2.2.5")
TF_FIRST_VERSION(pthread_key_create, "2.2.5")
TF_FIRST_VERSION(pthread_key_delete, "2.2.5")
TF_FIRST_VERSION(pthread_kill, "2.2.5")
TF_FIRST_VERSION(pthread_mutex_timedlock, "2.2.5")
TF_FIRST_VERSION(pthread_mutex_trylock, "2.2.5")
TF_FIRST_VERSION(pthread_mutexattr_destroy, "2.2.5")
TF_FIRST_VERSION(pthread_mutexattr_init, "2.2.5")
TF_FIRST_VERSION(pthread_mutexattr_setpshared, "2.2.5")
TF_FIRST_VERSION(pthread_mutexattr_settype, "2.2.5")
TF_FIRST_VERSION(pthread_mutexattr_setrobust, "2.12")
TF_FIRST_VERSION(pthread_mutex_consistent, "2.12")
TF_FIRST_VERSION(pthread_once, "2.2.5")
TF_FIRST_VERSION(pthread_rwlock_destroy, "2.2.5")
TF_FIRST_VERSION(pthread_rwlock_init, "2.2.5")
TF_FIRST_VERSION(pthread_rwlock_rdlock, "2.2.5")
TF_FIRST_VERSION(pthread_rwlock_tryrdlock, "2.2.5")
TF_FIRST_VERSION(pthread_rwlock_trywrlock, "2.2.5")
TF_FIRST_VERSION(pthread_rwlock_unlock, "2.2.5")
TF_FIRST_VERSION(pthread_rwlock_wrlock, "2.2.5")
TF_FIRST_VERSION(pthread_setaffinity_np, "2.3.4")
TF_FIRST_VERSION(pthread_setname_np, "2.12")
TF_FIRST_VERSION(pthread_setspecific, "2.2.5")
TF_FIRST_VERSION(pthread_sigmask, "2.2.5")
TF_FIRST_VERSION(sem_destroy, "2.2.5")
TF_FIRST_VERSION(sem_init, "2.2.5")
TF_FIRST_VERSION(sem_post, "2.2.5")
TF_FIRST_VERSION(sem_timedwait, "2.2.5")
TF_FIRST_VERSION(sem_trywait, "2.2.5")
TF_FIRST_VERSION(sem_wait, "2.2.5")
#undef TF_FIRST_VERSION
