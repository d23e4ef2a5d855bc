// PTX texts to code: symbols linked by name, bodies decoded, kernels described. Nothing here depends on a device: where variables lie is
// left open (Function::relocations). Any thread; a compilation shares nothing.
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

class Compiler {
 public:
  explicit Compiler(Code& code) : p_(code) {}

  Outcome compile(std::vector<std::string> texts, int compute_capability) {
    try {
      for (std::string& t : texts) {
        sources_.push_back(std::make_unique<Source>());
        sources_.back()->text = std::move(t);
        parse_module(*sources_.back());
        if (sources_.back()->version > 90)       // as driver 580 answers, whose PTX is 9.0
          return {222, "PTX .version " + std::to_string(sources_.back()->version / 10) + "." + std::to_string(sources_.back()->version % 10) + " is newer than 9.0"};
        if (sources_.back()->target > uint32_t(compute_capability))
          return {218, "ptxas fatal   : SM version specified by .target (sm_" + std::to_string(sources_.back()->target) + ") is higher than this device's (sm_" + std::to_string(compute_capability) + ")"};
      }
      link();
      variables();
      decode();
      describe();
    } catch (const PtxError& e) {
      return {e.result, "ptxas application ptx input, line " + std::to_string(e.line) + "; error   : " + e.text, e.unresolved};
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
        s.index = static_cast<uint32_t>(p_.functions.size());
        auto f = std::make_unique<Function>();
        f->name = s.name;
        f->entry = s.entry;
        f->index = s.index;
        f->builtin = s.body ? 0 : Builtins::number(s.name);
        p_.functions.push_back(std::move(f));
      }
  }

  void variables() {
    for (auto& src : sources_)
      for (Symbol& s : src->symbols) {
        if (s.function || s.definition || s.is_extern || s.space == Space::Shared) continue;
        s.variable = static_cast<uint32_t>(p_.variables.size());
        CodeVariable& v = p_.variables.emplace_back();   // also those that only their own text sees: the runtime finds static ones by their mangled names
        v.name = s.name;
        v.bytes = s.bytes;
        v.align = s.align;
        v.constant = s.space == Space::Const;
        v.managed = s.managed;
        v.init = std::move(s.init);
        if (v.constant) constant_bytes_ += static_cast<uint32_t>(s.bytes);
      }
    for (auto& src : sources_)
      for (Symbol& s : src->symbols) {
        if (s.variable == kNoVariable) continue;
        for (const Relocation& r : s.relocations) {
          auto it = src->names.find(r.name);
          if (it == src->names.end()) throw PtxError{s.line, "initialiser of " + quoted(s.name) + " names the unknown " + quoted(r.name)};
          const Symbol* t = it->second;
          while (t->definition) t = t->definition;
          if (t->function ? !t->body : t->variable == kNoVariable) throw PtxError{s.line, "initialiser of " + quoted(s.name) + " names the undefined " + quoted(r.name), true};
          p_.variables[s.variable].addresses.push_back({r.offset, static_cast<uint8_t>(r.bytes), static_cast<uint8_t>(r.shift), t->function ? kNoVariable : t->variable,
                                                        (t->function ? function_address(t->index) : 0) + static_cast<uint64_t>(r.addend)});
        }
      }
  }

  void decode_one(Source& src, const Symbol& s, std::unordered_map<const Symbol*, uint32_t>& offsets, uint32_t& bytes, uint32_t& align) {
    DecodeContext ctx;
    ctx.source = &src;
    ctx.select = select_function;
    ctx.builtin = Builtins::number;
    ctx.sites = &p_.sites;
    ctx.shared_offsets = &offsets;
    ctx.shared_bytes = &bytes;
    ctx.shared_align = &align;
    Function& f = *p_.functions[s.index];
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
        Function& f = *p_.functions[s.index];
        if (f.callees.empty() && !f.calls_indirectly && function_shared_bytes_) {   // calls nothing: needs none of theirs
          f = Function{};
          f.name = s.name;
          f.index = s.index;
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
    Function& f = *p_.functions[index];
    bool u = f.calls_indirectly, starts = Builtins::launches(f.name);
    uint64_t below = 0;
    for (uint32_t c : f.callees) {
      below = std::max(below, depth(c, &u, level + 1));
      starts |= launches_[c];
    }
    launches_[index] = starts;
    uint64_t mine = (uint64_t{f.frame_bytes} + 15) / 16 * 16;
    state_[index] = 2;
    unknown_[index] = u;
    *unknown |= u;
    return depth_[index] = mine + below;
  }

  void describe() {
    size_t n = p_.functions.size();
    state_.assign(n, 0), unknown_.assign(n, false), depth_.assign(n, 0), launches_.assign(n, false);
    size_t kernels = 0;
    for (auto& src : sources_) for (Symbol& s : src->symbols) kernels += s.function && s.entry && s.body && !s.definition;
    p_.infos.reserve(kernels);
    for (auto& src : sources_)
      for (Symbol& s : src->symbols) {
        if (!s.function || !s.entry || !s.body || s.definition) continue;
        Function& f = *p_.functions[s.index];
        KernelInfo info;
        info.name = s.name;
        for (const ParamDecl& p : s.params) info.params.push_back({p.offset, p.bytes});
        if (!s.params.empty()) info.param_bytes = s.params.back().offset + s.params.back().bytes;
        info.static_shared_bytes = shared_of_[s.index].first;
        bool unknown = false;
        uint64_t local = depth(s.index, &unknown);
        if (local > (1u << 20)) throw PtxError{s.line, "kernel " + quoted(s.name) + " needs too much local memory"};
        info.local_bytes = static_cast<uint32_t>(local);
        info.const_bytes = constant_bytes_;
        info.registers = std::min(f.registers, kMostRegisters);
        if (s.max_threads && s.max_threads < info.max_threads_per_block) info.max_threads_per_block = s.max_threads;
        std::copy(s.required_block, s.required_block + 3, info.required_block);
        std::copy(s.required_cluster, s.required_cluster + 3, info.required_cluster);
        info.explicit_cluster = s.explicit_cluster;
        info.ptx_version = src->target;
        if (info.static_shared_bytes > kMostStaticShared) throw PtxError{s.line, "kernel " + quoted(s.name) + " uses too much shared data (" + std::to_string(info.static_shared_bytes) + " bytes, 49152 max)"};
        p_.kernels.push_back({s.index, std::max(16u, shared_of_[s.index].second), static_cast<uint32_t>(local), unknown, launches_[s.index]});
        p_.infos.push_back(std::move(info));
      }
  }

  Code& p_;
  uint32_t constant_bytes_ = 0;
  std::vector<std::unique_ptr<Source>> sources_;
  std::unordered_map<const Symbol*, uint32_t> function_shared_;
  uint32_t function_shared_bytes_ = 0, function_shared_align_ = 16;
  std::unordered_map<uint32_t, std::pair<uint32_t, uint32_t>> shared_of_;
  std::vector<uint8_t> state_;
  std::vector<bool> unknown_, launches_;
  std::vector<uint64_t> depth_;
};

Outcome compile(std::vector<std::string> texts, int compute_capability, Code* out) { return Compiler(*out).compile(std::move(texts), compute_capability); }

}  // namespace softgpu
