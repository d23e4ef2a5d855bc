// vprintf, malloc, free, __assertfail. Called by the interpreter on whichever thread runs the warp.
#include "softgpu/exec/builtins.h"

#include <bit>
#include <cstring>
#include <map>
#include <mutex>

namespace softgpu {
namespace {

enum { kNone, kPrintf, kMalloc, kFree, kAssert, kDeviceRuntime, kSetConditional };
constexpr int64_t kWidest = 4000;         // width and precision at most
constexpr size_t kLongestString = 64 << 10;   // what %s shows at most

// What malloc in kernels gave out: free there may give back nothing else, above all not what the host allocated. Devices live as long as
// the process.
class KernelHeap {
 public:
  static KernelHeap& get() {
    static auto* heap = new KernelHeap;
    return *heap;
  }
  uint64_t allocate(Memory& memory, uint64_t bytes, uint64_t limit) {   // 0 when all of the device would be more than limit
    std::lock_guard lock(mutex_);
    Heap& heap = heaps_[&memory];
    if (bytes > limit || heap.used > limit - bytes) return 0;
    uint64_t a = memory.allocate(bytes);
    if (a) heap.live[a] = bytes, heap.used += bytes;
    return a;
  }
  bool free(Memory& memory, uint64_t address) {
    std::lock_guard lock(mutex_);
    Heap& heap = heaps_[&memory];
    auto it = heap.live.find(address);
    if (it == heap.live.end()) return false;
    heap.used -= it->second;
    heap.live.erase(it);
    return memory.free(address);
  }

 private:
  std::mutex mutex_;
  struct Heap {
    std::map<uint64_t, uint64_t> live;   // address -> bytes
    uint64_t used = 0;
  };
  std::map<Memory*, Heap> heaps_;
};

class Call {
 public:
  Call(Cta&, WarpState& w, Frame& f, const Insn& in, int lane) : w_(w), f_(f), x_(&f.function->extra[in.extra]), lane_(lane) {}
  uint64_t argument(uint32_t i) const {
    uint64_t v = 0;
    if (i >= x_[1]) return 0;
    const CallArg& a = f_.function->args[x_[0] + i];
    std::memcpy(&v, frame() + a.caller, a.bytes > 8 ? 8 : a.bytes);
    return v;
  }
  void result(uint64_t v) const {
    if (!x_[2]) return;
    const CallArg& a = f_.function->args[x_[0] + x_[1]];
    std::memcpy(frame() + a.caller, &v, a.bytes > 8 ? 8 : a.bytes);
  }
  // Bytes that may be read from a generic address on.
  uint64_t readable(uint64_t a) const {
    uint64_t shared = a - reinterpret_cast<uint64_t>(w_.shared), local = a - reinterpret_cast<uint64_t>(w_.local) - static_cast<uint64_t>(lane_) * w_.local_bytes;
    if (shared < w_.shared_bytes) return w_.shared_bytes - shared;
    if (local < w_.local_bytes) return w_.local_bytes - local;
    uint64_t param = a - reinterpret_cast<uint64_t>(w_.params);
    if (param < w_.param_bytes) return w_.param_bytes - param;
    Site s;
    return w_.find(w_, a, &s) ? s.hi - a : 0;
  }
  mutable uint64_t bad = 0;   // an address that could not be read
  std::string text(uint64_t a) const {
    uint64_t n = readable(a);
    if (!a) return "(null)";
    if (!n) return bad = a, "(bad address)";
    const char* p = reinterpret_cast<const char*>(a);
    return std::string(p, strnlen(p, n < kLongestString ? n : kLongestString));
  }

 private:
  uint8_t* frame() const { return w_.local + static_cast<uint64_t>(lane_) * w_.local_bytes + f_.base; }
  WarpState& w_;
  Frame& f_;
  const uint32_t* x_;
  int lane_;
};

// Formats as CUDA's device printf does: every argument has 8 bytes' alignment at most, floats come as doubles.
std::string format(const Call& c, uint64_t fmt, uint64_t args, int* count) {
  std::string f = c.text(fmt), out;
  uint64_t have = c.readable(args), at = 0;
  auto take = [&](size_t n) {
    uint64_t v = 0;
    at = (at + n - 1) / n * n;
    if (!have) c.bad = args ? args : 1;
    if (at + n <= have) std::memcpy(&v, reinterpret_cast<const void*>(args + at), n);
    at += n;
    ++*count;
    return v;
  };
  for (size_t i = 0; i < f.size();) {
    if (f[i] != '%') {
      out += f[i++];
      continue;
    }
    std::string spec = "%";
    size_t j = i + 1;
    int64_t number = -1;   // a width or precision: nobody waits for millions of blanks
    auto end_number = [&] {
      if (number >= 0) spec += std::to_string(number < kWidest ? number : kWidest);
      number = -1;
    };
    for (; j < f.size() && std::strchr("-+ #0123456789.*", f[j]) && spec.size() < 40; j++) {
      if (f[j] == '*') {
        number = static_cast<int32_t>(take(4));
        if (number < 0 && spec.find('.') == spec.npos) spec += '-', number = -number;
      } else if (f[j] >= '1' - (number >= 0) && f[j] <= '9') {
        number = (number < 0 ? 0 : number < kWidest ? number : kWidest) * 10 + (f[j] - '0');
      } else {
        end_number();
        spec += f[j];
      }
    }
    end_number();
    bool wide = false;
    for (; j < f.size() && std::strchr("hljztL", f[j]); j++) wide |= std::strchr("ljzt", f[j]) != nullptr;
    char k = j < f.size() ? f[j] : 0;
    char buffer[2 * kWidest];
    auto put = [&](auto v, const char* length) {
      int n = std::snprintf(buffer, sizeof buffer, (spec + length + k).c_str(), v);
      if (n > 0) out.append(buffer, static_cast<size_t>(n) < sizeof buffer ? static_cast<size_t>(n) : sizeof buffer - 1);
    };
    switch (k) {
      case '%': out += '%'; break;
      case 'd': case 'i':
        if (wide) put(static_cast<long long>(take(8)), "ll");
        else put(static_cast<int>(take(4)), "");
        break;
      case 'u': case 'x': case 'X': case 'o':
        if (wide) put(static_cast<unsigned long long>(take(8)), "ll");
        else put(static_cast<unsigned>(take(4)), "");
        break;
      case 'c': put(static_cast<int>(take(4)), ""); break;
      case 'p': {
        uint64_t v = take(8);
        put(reinterpret_cast<void*>(v), "");
        break;
      }
      case 'e': case 'E': case 'f': case 'F': case 'g': case 'G': case 'a': case 'A': put(std::bit_cast<double>(take(8)), ""); break;
      case 's': {
        std::string s = c.text(take(8));
        if (spec == "%") {
          out += s;
        } else {
          std::vector<char> big(s.size() + 4096);
          int n = std::snprintf(big.data(), big.size(), (spec + "s").c_str(), s.c_str());
          if (n > 0) out.append(big.data(), static_cast<size_t>(n) < big.size() ? static_cast<size_t>(n) : big.size() - 1);
        }
        break;
      }
      default:   // unknown: shown as it stands
        out.append(f, i, j - i + (k ? 1 : 0));
    }
    i = j + (k ? 1 : 0);
  }
  return out;
}

}  // namespace

bool Builtins::launches(std::string_view name) {
  if (!name.starts_with("cuda") && !name.starts_with("__cuda") && !name.starts_with("cnp")) return false;
  for (const char* part : {"LaunchDevice", "GetParameterBuffer", "cnpLaunch"})   // cudaLaunchDevice, __cudaCDP2GetParameterBufferV2, …
    if (name.find(part) != name.npos) return true;
  return false;
}

int Builtins::number(std::string_view name) {
  return name == "vprintf" ? kPrintf : name == "malloc" ? kMalloc : name == "free" ? kFree : name == "__assertfail" ? kAssert : name == "cudaGraphSetConditional" ? kSetConditional
         : name.substr(0, 3) == "cnp" || name.substr(0, 14) == "__cuda_syscall" || launches(name) ? kDeviceRuntime : kNone;   // libcudadevrt: launches from kernels
}

bool Builtins::call(Cta& cta, WarpState& w, Frame& f, const Insn& in, int number, uint32_t mask) {
  std::string all;
  for (uint32_t m = mask; m; m &= m - 1) {
    int lane = std::countr_zero(m);
    Call c(cta, w, f, in, lane);
    switch (number) {
      case kPrintf: {
        int count = 0;
        std::string text = format(c, c.argument(0), c.argument(1), &count);
        if (c.bad) {
          w.fault = 700, w.fault_lane = static_cast<uint32_t>(lane), w.fault_address = c.bad, w.fault_text = "printf of an address outside every allocation";
          return false;
        }
        all += text;
        c.result(static_cast<uint64_t>(count));
        break;
      }
      case kMalloc: c.result(KernelHeap::get().allocate(*cta.launch_.memory, c.argument(0), cta.launch_.launch.heap_bytes)); break;
      case kFree: {
        uint64_t a = c.argument(0);
        if (a && !KernelHeap::get().free(*cta.launch_.memory, a)) {
          w.fault = c.readable(a) ? 719 : 700, w.fault_lane = static_cast<uint32_t>(lane), w.fault_address = a, w.fault_text = "free of an address that malloc did not give";
          return false;
        }
        break;
      }
      case kSetConditional:                      // the handle is the address of the word (api/graph.h)
        if (c.readable(c.argument(0)) < 4) {
          w.fault = 700, w.fault_lane = static_cast<uint32_t>(lane), w.fault_text = "cudaGraphSetConditional: not a conditional handle";
          return false;
        }
        *reinterpret_cast<volatile uint32_t*>(c.argument(0)) = static_cast<uint32_t>(c.argument(1));
        break;
      case kDeviceRuntime:
        w.fault = 719, w.fault_lane = static_cast<uint32_t>(lane), w.fault_text = "launching kernels from a kernel is not supported";
        return false;
      case kAssert: {
        const Launch& l = cta.launch_.launch;
        uint32_t t = w.number * 32 + static_cast<uint32_t>(lane);
        char where[200];
        std::snprintf(where, sizeof where, ": block: [%u,%u,%u], thread: [%u,%u,%u] Assertion `", cta.id_[0], cta.id_[1], cta.id_[2],
                      t % l.block[0], t / l.block[0] % l.block[1], t / l.block[0] / l.block[1]);
        std::string line = c.text(c.argument(1)) + ":" + std::to_string(static_cast<uint32_t>(c.argument(2))) + ": " + c.text(c.argument(3)) + where + c.text(c.argument(0)) + "` failed.";
        if (all.empty()) cta.launch_.fail(710, line);
        all += line + "\n";
        break;
      }
    }
  }
  if (!all.empty()) cta.launch_.print(all.data(), all.size());
  if (number != kAssert) return true;
  w.fault = 710, w.fault_lane = static_cast<uint32_t>(std::countr_zero(mask)), w.fault_text = "assertion failed";
  return false;
}

}  // namespace softgpu
