// See reduce.h.
#include "reduce.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <functional>

namespace fuzz {
namespace {

// Every list of statements in the tree, outer ones first.
void lists(Node& n, std::vector<std::vector<Node>*>* all) {
  for (auto& body : n.bodies) {
    all->push_back(&body);
    for (Node& s : body) lists(s, all);
  }
}

}  // namespace

Difference compare(const Program& p, const Side& a, const Side& b) {
  std::string text = kHeader + p.text();
  std::vector<KernelRequest> kernels{{p.name(), p.block}};
  Answer x = a.runner.run(text, a.level, kernels, true)[0];
  if (x.result == 218) return {};   // not a program
  Answer y = b.runner.run(text, b.level, kernels, true)[0];
  if (x.result != y.result) return {true, "results " + std::to_string(x.result) + " and " + std::to_string(y.result) + " " + x.log + y.log};
  if (x.bytes == y.bytes) return {};
  size_t at = 0;
  while (x.bytes[at] == y.bytes[at]) at++;
  at &= ~size_t{3};
  uint32_t v, w;
  std::memcpy(&v, &x.bytes[at], 4), std::memcpy(&w, &y.bytes[at], 4);
  size_t thread = at / (kOutWords * 4);
  std::string where = at < out_bytes(p.block) ? "thread " + std::to_string(thread) + " " + out_word_name(at / 4 % kOutWords) : "scratch byte " + std::to_string(at - out_bytes(p.block));
  size_t words = 0;
  for (size_t i = 0; i < x.bytes.size(); i += 4) words += std::memcmp(&x.bytes[i], &y.bytes[i], 4) != 0;
  char s[200];
  std::snprintf(s, sizeof s, "%s: %08x and %08x (%zu words differ)", where.c_str(), v, w, words);
  return {true, s};
}

Program reduce(Program p, const Side& a, const Side& b) {
  for (bool shrunk = true; shrunk;) {
    shrunk = false;
    auto attempt = [&](const std::function<bool(Program&)>& change) {
      Program q = p;
      if (!change(q) || !compare(q, a, b).differs) return false;
      p = std::move(q);
      return shrunk = true;
    };
    auto all = [](Program& q) {
      std::vector<std::vector<Node>*> l;
      lists(q.kernel, &l);
      for (Node& f : q.functions) lists(f, &l);
      return l;
    };
    for (size_t f = p.functions.size(); f-- > 0;) attempt([&](Program& q) { q.functions.erase(q.functions.begin() + static_cast<ptrdiff_t>(f)); return true; });
    for (size_t k = 0; k < all(p).size(); k++)
      for (size_t n = all(p)[k]->size(), chunk = n; chunk; chunk /= 2)
        for (size_t i = 0; k < all(p).size() && i < all(p)[k]->size();)
          if (!attempt([&](Program& q) {
                auto& l = *all(q)[k];
                l.erase(l.begin() + static_cast<ptrdiff_t>(i), l.begin() + static_cast<ptrdiff_t>(std::min(l.size(), i + chunk)));
                return true;
              }))
            i += chunk;
  }
  return p;
}

}  // namespace fuzz
