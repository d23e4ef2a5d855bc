// index -> T for indexes that only grow: two loads to look up, no lock to read. An index costs sizeof(T) for the life of the table.
// Readers may run beside one writer for other indexes; writers (insert, erase) are serialised by the owner.
#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <atomic>

namespace base {

template <class T>   // T: trivially copyable, all-zero bytes mean "empty"
class PagedTable {
 public:
  PagedTable() = default;
  ~PagedTable() {
    if (!top_) return;
    for (uint32_t i = 0; i <= highest_; i++) free(top_[i].load(std::memory_order_relaxed));
    munmap(top_, kPages * sizeof *top_);
  }
  PagedTable(const PagedTable&) = delete;

  // Null: never inserted, or its page is gone.
  T* find(uint32_t index) const {
    if (!top_) return nullptr;
    Page* page = top_[index >> kPageBits].load(std::memory_order_acquire);
    return page ? &page->entries[index & (kPageSize - 1)] : nullptr;
  }
  // False: out of memory.
  bool insert(uint32_t index, const T& value) {
    if (!top_ && !map_top()) return false;
    auto& slot = top_[index >> kPageBits];
    Page* page = slot.load(std::memory_order_relaxed);
    if (!page) {
      page = static_cast<Page*>(calloc(1, sizeof(Page)));
      if (!page) return false;
      slot.store(page, std::memory_order_release);   // pairs with find()
      if (index >> kPageBits > highest_) highest_ = index >> kPageBits;
    }
    page->entries[index & (kPageSize - 1)] = value;
    return true;
  }
  // The entry reads as zeros from now on.
  void erase(uint32_t index) {
    auto& slot = top_[index >> kPageBits];
    Page* page = slot.load(std::memory_order_relaxed);
    page->entries[index & (kPageSize - 1)] = T{};
  }
  template <class F>
  void for_each(F f) {
    if (!top_) return;
    for (uint32_t i = 0; i <= highest_; i++)
      if (Page* page = top_[i].load(std::memory_order_relaxed))
        for (uint32_t j = 0; j < kPageSize; j++) f(i << kPageBits | j, page->entries[j]);
  }

 private:
  static constexpr int kPageBits = 9;
  static constexpr uint32_t kPageSize = 1u << kPageBits;
  static constexpr uint32_t kPages = 1u << (32 - kPageBits);
  struct Page { T entries[kPageSize]; };
  bool map_top() {
    void* p = mmap(nullptr, kPages * sizeof *top_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return false;
    top_ = static_cast<std::atomic<Page*>*>(p);
    return true;
  }
  std::atomic<Page*>* top_ = nullptr;   // 64 MiB of address space, touched where used
  uint32_t highest_ = 0;
};

}  // namespace base
