// Host memory that kernels reach: page-locked memory and managed memory, the same bytes in this process and in the worker's, kept alike by words
// that travel (wire/patch.h) when the program could notice. A range is mirrored from when a kernel may reach it: frameworks pin much that none ever touches.
//
// Blocks of a mirrored range are
//   stale   may be old: not accessible; the program's touch is a page fault that fetches it (mirror_fault.cpp)
//   clean   as the worker's, readable; a write is a page fault that makes a twin
//   dirty   readable and writable, with a twin that tells what the program changed
//   open    as dirty, but never protected: what shares a page with other memory, and what both sides keep touching; compared and fetched unasked
// Before work of the device begins, what the program changed goes to the worker; managed blocks become stale. After a wait everything that was
// readable is stale (or, open, fetched). While work is under way a thread looks about every millisecond, for those who only poll a word.
// One lock guards all of it. It is held across requests to the worker; whoever holds it touches no memory of the program but blocks that are readable.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <atomic>
#include <vector>

#include "abi/cuda_abi.h"
#include "client/memory_map.h"
#include "client/remote.h"

namespace client {

// mirror.cpp: which ranges there are. Any thread.
bool mirror_managed(uint64_t address, uint64_t bytes, bool zeroed);   // pages of this process for it. False: their place is taken
void drop_managed(uint64_t address);
bool mirror(const Range& range);                          // a page-locked range; true also when it is already
CUresult unmirror(uint64_t base, bool keep);              // plain memory again; keep: with the bytes as kernels left them
void unmirror_all(uint64_t context);                      // before the context goes
void mirror_parameters(const unsigned char* p, size_t n); // what a kernel's parameters point at
// Copies from and to memory of which every byte is mirrored or managed are the worker's, at *device; other copies may not meet a protected page.
enum class Mirrored { no, all, partly };
Mirrored mirrored(const void* p, uint64_t n, CUdeviceptr* device);
void device_wrote();                                      // the program may look now, as after a wait
void watch_on();                                          // there is something to look at
void host_function(bool runs);                            // on this thread: work of the device waits for it, so it cannot wait for that

inline constexpr uint64_t kArena = 0x400000000000, kArenaEnd = 0x500000000000;   // where page-locked memory is looked for: free on both sides

// mirror_fault.cpp
bool faults_are_ours();                                   // our SIGSEGV handler is the first
void guard_faults();                                      // makes it so; under the lock

namespace mirror_detail {

enum Block : uint8_t { stale, clean, dirty, open };
inline constexpr uint8_t kAlways = 255;                   // Region::heat of what stays open

struct Region {
  uint64_t base, end;                                     // pages
  uint64_t first, last;                                   // what is mirrored, in whole words: a registered range may begin and end inside a page
  uint64_t place;                                         // of base, in the worker
  CUdeviceptr device;                                     // kernels see base there
  uint64_t context;
  bool managed, own;                                      // own: the memory is ours, so what was never touched is zero
  bool fresh;                                             // nothing was sent yet, and the worker's bytes are zero
  int users;                                              // managed allocations on these pages
  unsigned shift;                                         // bytes of a block: 1 << shift
  uint8_t* twin;                                          // as large as the region; zero where none was needed
  std::vector<uint8_t> state, heat;
  uint32_t present = 0, due = 0;                          // blocks that are not stale; that before_work() has to look at
  bool listed = false;
  size_t expected = 0, ahead = 1;                         // the block after the last fetch; how many the next one takes
  size_t cursor = 0;                                      // where the next look begins
  size_t blocks() const { return state.size(); }
  uint64_t at(size_t block) const { return base + (uint64_t(block) << shift); }
  uint64_t from(size_t block) const { return at(block) > first ? at(block) : first; }
  uint64_t to(size_t block) const { return at(block + 1) < last ? at(block + 1) : last; }
  uint8_t* twin_of(uint64_t address) const { return twin + (address - base); }
};

// mirror_state.cpp: changing blocks. The lock is held.
struct Hold { Hold(); ~Hold(); };                         // the lock, for a scope
bool inside();                                            // this thread holds it
void host_function_runs(bool runs);
uint32_t due();                                           // Region::due of all; needs no lock
uint32_t present();                                       // Region::present of all; needs no lock
inline constexpr uint8_t kWarm = 3;                       // what a page fault adds to a block's heat
Region* region_of(uint64_t address);
Region* next_region(uint64_t address);                    // the one that holds it, or the first after it
std::vector<uint64_t> host_regions(uint64_t context);     // where they begin
void add_region(Region* r);
void remove_region(Region* r);                            // and frees it; its pages stay as they are
void set_state(Region& r, size_t block, Block state);
bool protect(uint64_t from, uint64_t to, int prot);
bool make_dirty(Region& r, size_t block);
void flush(Region& r, bool keep_writable);                // what the program changed, to the worker
bool fetch(Region& r, size_t block, size_t most);         // stale ones from there on; they are clean then
void make_stale(Region& r);                               // what is clean
void hide_cold(Region& r);                                // what is clean and never met a page fault: one will tell that the program looks
// What is not protected (and what is clean), in one request. Unless the lock is held all along, merge() may find it too old.
struct Batch {
  struct Part { Region* r; size_t block; };
  std::vector<Part> parts;
  std::vector<unsigned long long> addresses;
  std::vector<unsigned> sizes;
  size_t bytes = 0;
  uint64_t version = 0;
  Caller at;
  void take(bool clean_too, size_t most);
  bool ask(uint8_t* to);                                  // needs no lock
  bool merge(const uint8_t* from);                        // true: the device has changed something
};
uint8_t* bounce();                                        // kMostFetch bytes, whose owner holds the lock; null: no memory
inline constexpr uint64_t kMostFetch = 4 << 20;
std::vector<Region*>& touched();                          // regions with blocks that are not stale
void forget_untouched();
extern std::atomic<uint64_t> g_work, g_work_done;         // counts of work begun; all up to this one is done
extern std::atomic<uint64_t> g_work_context;              // handle of the context that it is of; ~0: of several
bool open_up(Region& r);                                  // the worker is lost: the program keeps what there is

}  // namespace mirror_detail
}  // namespace client
