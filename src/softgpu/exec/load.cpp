// load(): images to PTX texts, texts to symbols, symbols linked by name, variables placed and initialised, bodies decoded.
// Any thread; a load shares nothing but the Memory.
#include <algorithm>
#include <cstring>
#include <new>

#include "softgpu/exec/builtins.h"
#include "softgpu/exec/program.h"
#include "softgpu/fatbin/fatbin.h"
#include "softgpu/ptx/decode.h"

namespace softgpu {
namespace {

constexpr uint32_t kMostStaticShared = 48u << 10;

std::string quoted(std::string_view s) { return "'" + std::string(s) + "'"; }

}  // namespace

// A compiler for hardware would spill rather than make a kernel that 1024 threads (or its launch bounds) cannot run; the slots
// counted here are far more than it would need, so the estimate never refuses a launch.
constexpr uint32_t kMostRegisters = 64;

class Loader {
 public:
  Loader(Memory& memory, Program& program) : memory_(memory), p_(program) {}

  Outcome load(std::vector<std::string> texts, int compute_capability) {
    try {
      for (std::string& t : texts) {
        sources_.push_back(std::make_unique<Source>());
        sources_.back()->text = std::move(t);
        parse_module(*sources_.back());
        if (sources_.back()->target > uint32_t(compute_capability))
          return {218, "the .target sm_" + std::to_string(sources_.back()->target) + " is higher than this device's " + std::to_string(compute_capability)};
      }
      link();
      if (!place()) return {2, "out of device memory for the module's variables"};
      decode();
      describe();
    } catch (const PtxError& e) {
      return {218, "line " + std::to_string(e.line) + ": " + e.text, e.unresolved};
    } catch (const std::bad_alloc&) {
      return {2, "out of host memory"};
    }
    return {};
  }

 private:
  void link() {
    std::unordered_map<std::string_view, Symbol*> global;
    auto defined = [](const Symbol& s) { return s.function ? s.body != 0 : !s.is_extern; };
    for (auto& src : sources_)
      for (Symbol& s : src->symbols) {
        if (!defined(s) || !(s.visible || s.weak || s.common)) continue;
        Symbol*& g = global[s.name];
        if (!g || ((g->weak || g->common) && !(s.weak || s.common))) g = &s;
        else if (!(s.weak || s.common)) throw PtxError{s.line, "second definition of " + quoted(s.name)};
      }
    for (auto& src : sources_)
      for (Symbol& s : src->symbols) {
        auto g = global.find(s.name);
        bool replaceable = !defined(s) || s.weak || s.common;
        if (replaceable && g != global.end() && g->second != &s && g->second->function == s.function) s.definition = g->second;
      }
    for (auto& src : sources_)
      for (Symbol& s : src->symbols) {
        if (s.alias_of.empty()) continue;
        auto t = src->names.find(s.alias_of);
        if (t == src->names.end() || !t->second->function || t->second == &s || !t->second->alias_of.empty()) throw PtxError{s.line, "alias of the unknown function " + quoted(s.alias_of)};
        s.definition = t->second;
      }
    for (auto& src : sources_)
      for (Symbol& s : src->symbols) {
        if (!s.function || s.definition) continue;
        s.index = static_cast<uint32_t>(p_.functions_.size());
        auto f = std::make_unique<Function>();
        f->name = s.name;
        f->entry = s.entry;
        f->builtin = s.body ? 0 : Builtins::number(s.name);
        p_.functions_.push_back(std::move(f));
      }
  }

  bool place() {
    for (auto& src : sources_)
      for (Symbol& s : src->symbols) {
        if (s.function || s.definition || s.is_extern || s.space == Space::Shared) continue;
        uint64_t bytes = s.bytes ? s.bytes : 1;
        s.address = memory_.allocate(bytes, std::max<uint64_t>(s.align, 256));
        if (!s.address) return false;
        p_.allocations_.push_back(s.address);
        std::memset(reinterpret_cast<void*>(s.address), 0, bytes);
        if (!s.init.empty()) std::memcpy(reinterpret_cast<void*>(s.address), s.init.data(), s.init.size());
      }
    for (auto& src : sources_)
      for (Symbol& s : src->symbols) {
        if (s.address == kUnplaced || s.function) continue;
        for (const Relocation& r : s.relocations) {
          auto it = src->names.find(r.name);
          if (it == src->names.end()) throw PtxError{s.line, "initialiser of " + quoted(s.name) + " names the unknown " + quoted(r.name)};
          const Symbol* t = it->second;
          while (t->definition) t = t->definition;
          if (t->function ? !t->body : t->address == kUnplaced) throw PtxError{s.line, "initialiser of " + quoted(s.name) + " names the undefined " + quoted(r.name), true};
          uint64_t v = (t->function ? function_address(t->index) : t->address) + static_cast<uint64_t>(r.addend);
          v >>= r.shift;
          std::memcpy(reinterpret_cast<void*>(s.address + r.offset), &v, static_cast<size_t>(r.bytes));
        }
        // Also those that only their own text sees: the runtime finds its static __device__ variables by their mangled, unique names.
        GlobalInfo g;
        g.name = s.name;
        g.address = s.address;
        g.bytes = s.bytes;
        g.constant = s.space == Space::Const;
        g.managed = s.managed;
        p_.globals_.push_back(g);
      }
    return true;
  }

  void decode_one(Source& src, const Symbol& s, std::unordered_map<const Symbol*, uint32_t>& offsets, uint32_t& bytes, uint32_t& align) {
    DecodeContext ctx;
    ctx.source = &src;
    ctx.select = select_function;
    ctx.builtin = Builtins::number;
    ctx.sites = &p_.sites_;
    ctx.shared_offsets = &offsets;
    ctx.shared_bytes = &bytes;
    ctx.shared_align = &align;
    Function& f = *p_.functions_[s.index];
    Decoder(ctx, s, f).run();
    f.defined = true;
  }

  // Functions first: what they keep in shared memory lies below what each kernel adds.
  void decode() {
    for (auto& src : sources_)
      for (Symbol& s : src->symbols)
        if (s.function && !s.definition && s.body && !s.entry) decode_one(*src, s, function_shared_, function_shared_bytes_, function_shared_align_);
    for (auto& src : sources_)
      for (Symbol& s : src->symbols) {
        if (!s.function || s.definition || !s.body || !s.entry) continue;
        auto offsets = function_shared_;
        uint32_t bytes = function_shared_bytes_, align = function_shared_align_;
        decode_one(*src, s, offsets, bytes, align);
        Function& f = *p_.functions_[s.index];
        if (f.callees.empty() && !f.calls_indirectly && function_shared_bytes_) {   // calls nothing: needs none of theirs
          f = Function{};
          f.name = s.name;
          f.entry = true;
          offsets.clear();
          bytes = 0, align = 16;
          decode_one(*src, s, offsets, bytes, align);
        }
        shared_of_[s.index] = {bytes, align};
      }
  }

  // Bytes of local memory below f's frame; recursion is noticed by its mark.
  uint64_t depth(uint32_t index, bool* unknown, int level = 0) {
    if (state_[index] == 1 || level > 1000) return *unknown = true, 0;
    if (state_[index] == 2) {
      *unknown |= unknown_[index];
      return depth_[index];
    }
    state_[index] = 1;
    Function& f = *p_.functions_[index];
    bool u = f.calls_indirectly;
    uint64_t below = 0;
    for (uint32_t c : f.callees) below = std::max(below, depth(c, &u, level + 1));
    uint64_t mine = (uint64_t{f.frame_bytes} + 15) / 16 * 16;
    state_[index] = 2;
    unknown_[index] = u;
    *unknown |= u;
    return depth_[index] = mine + below;
  }

  void describe() {
    size_t n = p_.functions_.size();
    state_.assign(n, 0), unknown_.assign(n, false), depth_.assign(n, 0);
    size_t kernels = 0;
    for (auto& src : sources_) for (Symbol& s : src->symbols) kernels += s.function && s.entry && s.body && !s.definition;
    p_.infos_.reserve(kernels);
    for (auto& src : sources_)
      for (Symbol& s : src->symbols) {
        if (!s.function || !s.entry || !s.body || s.definition) continue;
        Function& f = *p_.functions_[s.index];
        KernelInfo info;
        info.name = s.name;
        for (const ParamDecl& p : s.params) info.params.push_back({p.offset, p.bytes});
        if (!s.params.empty()) info.param_bytes = s.params.back().offset + s.params.back().bytes;
        info.static_shared_bytes = shared_of_[s.index].first;
        bool unknown = false;
        uint64_t local = depth(s.index, &unknown);
        if (local > (1u << 20)) throw PtxError{s.line, "kernel " + quoted(s.name) + " needs too much local memory"};
        info.local_bytes = static_cast<uint32_t>(local);
        for (const GlobalInfo& g : p_.globals_) if (g.constant) info.const_bytes += static_cast<uint32_t>(g.bytes);
        info.registers = std::min(f.registers, kMostRegisters);
        if (s.max_threads && s.max_threads < info.max_threads_per_block) info.max_threads_per_block = s.max_threads;
        std::copy(s.required_block, s.required_block + 3, info.required_block);
        std::copy(s.required_cluster, s.required_cluster + 3, info.required_cluster);
        info.explicit_cluster = s.explicit_cluster;
        info.ptx_version = src->target;
        if (info.static_shared_bytes > kMostStaticShared) throw PtxError{s.line, "kernel " + quoted(s.name) + " uses too much shared data (" + std::to_string(info.static_shared_bytes) + " bytes, 49152 max)"};
        p_.infos_.push_back(std::move(info));
        auto k = std::make_unique<Kernel>();
        k->program = &p_;
        k->function = &f;
        k->info = &p_.infos_.back();
        k->shared_bytes = k->info->static_shared_bytes;
        k->shared_align = std::max(16u, shared_of_[s.index].second);
        k->local_bytes = static_cast<uint32_t>(local);
        k->stack = unknown;
        p_.by_name_[std::string(s.name)] = std::move(k);
      }
  }

  Memory& memory_;
  Program& p_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::unordered_map<const Symbol*, uint32_t> function_shared_;
  uint32_t function_shared_bytes_ = 0, function_shared_align_ = 16;
  std::unordered_map<uint32_t, std::pair<uint32_t, uint32_t>> shared_of_;
  std::vector<uint8_t> state_;
  std::vector<bool> unknown_;
  std::vector<uint64_t> depth_;
};

Outcome load(std::span<const std::span<const uint8_t>> images, Memory& memory, int compute_capability, std::unique_ptr<Module>* out) {
  std::vector<std::string> texts;
  Outcome missing{200, "no image"};
  for (auto& image : images) {
    PtxChoice c = choose_ptx(image, compute_capability);
    if (c.result == 200) return {200, c.error};
    if (c.result) missing = {c.result, c.error};
    else texts.push_back(std::move(c.text));
    for (std::string& t : c.further) texts.push_back(std::move(t));
  }
  if (texts.empty()) return missing;
  auto program = std::make_unique<Program>(memory);
  Outcome r = Loader(memory, *program).load(std::move(texts), compute_capability);
  if (r.result == 0) *out = std::move(program);
  return r;
}

}  // namespace softgpu
