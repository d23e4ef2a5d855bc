// Asks a real driver's integrity check and prints its inputs and answers, a line each, for
// src/client/testdata/integrity_vectors.txt. On a machine with a GPU:  g++ -std=c++20 record_integrity.cpp -o record_integrity
// -lcuda -lpthread && ./record_integrity
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <initializer_list>
#include <unistd.h>

extern "C" {
int cuInit(unsigned flags);
int cuDriverGetVersion(int* version);
int cuDeviceGetCount(int* count);
int cuDeviceGet(int* device, int ordinal);
int cuDeviceGetUuid(unsigned char uuid[16], int device);
int cuDeviceGetAttribute(int* value, int attribute, int device);
int cuGetExportTable(const void** table, const unsigned char uuid[16]);
}
enum { kPciBus = 33, kPciDevice = 34, kPciDomain = 50 };  // CUdevice_attribute

static const unsigned char kCudartInterface[16] = {0x6b, 0xd5, 0xfb, 0x6c, 0x5b, 0xf4, 0xe7, 0x4a,
                                                   0x89, 0x87, 0xd9, 0x39, 0x12, 0xfd, 0x9d, 0xf9};
static const unsigned char kIntegrity[16] = {0xd4, 0x08, 0x20, 0x55, 0xbd, 0xe6, 0x70, 0x4b,
                                             0x8d, 0x34, 0xba, 0x12, 0x3c, 0x66, 0xe1, 0xf2};

static void require(int result, const char* what) {
  if (result == 0) return;
  fprintf(stderr, "record_integrity: %s answered %d\n", what, result);
  _exit(1);
}

static void* record(void*) {
  int driver = 0, count = 0;
  const void *cudart, *integrity;
  require(cuDriverGetVersion(&driver), "cuDriverGetVersion");
  require(cuDeviceGetCount(&count), "cuDeviceGetCount");
  require(cuGetExportTable(&cudart, kCudartInterface), "cuGetExportTable");
  require(cuGetExportTable(&integrity, kIntegrity), "cuGetExportTable");
  const void* function = static_cast<const void* const*>(integrity)[1];
  auto check = reinterpret_cast<int (*)(uint32_t, uint64_t, uint64_t*)>(const_cast<void*>(function));
  uint64_t now = uint64_t(time(nullptr));
  for (uint32_t version : {13000u, 13001u, 13002u, 12082u}) {
    uint64_t out[2] = {};
    require(check(version, now, out), "the integrity check");
    printf("driver=%d version=%u process=%u thread=%u cudart=%p integrity=%p function=%p seconds=%llu", driver, version,
           unsigned(getpid()), unsigned(uint32_t(pthread_self())), cudart, integrity, function,
           static_cast<unsigned long long>(now));
    for (int i = 0; i < count; i++) {
      int device, domain, bus, slot;
      unsigned char uuid[16];
      require(cuDeviceGet(&device, i), "cuDeviceGet");
      require(cuDeviceGetUuid(uuid, device), "cuDeviceGetUuid");
      require(cuDeviceGetAttribute(&domain, kPciDomain, device), "cuDeviceGetAttribute");
      require(cuDeviceGetAttribute(&bus, kPciBus, device), "cuDeviceGetAttribute");
      require(cuDeviceGetAttribute(&slot, kPciDevice, device), "cuDeviceGetAttribute");
      printf(" device=");
      for (unsigned char byte : uuid) printf("%02x", byte);
      printf(":%d:%d:%d", domain, bus, slot);
    }
    printf(" out=");
    for (int i = 0; i < 16; i++) printf("%02x", reinterpret_cast<unsigned char*>(out)[i]);
    printf("\n");
  }
  return nullptr;
}

int main() {
  require(cuInit(0), "cuInit");
  record(nullptr);
  pthread_t other;  // the thread is one of the inputs
  pthread_create(&other, nullptr, record, nullptr);
  pthread_join(other, nullptr);
}
