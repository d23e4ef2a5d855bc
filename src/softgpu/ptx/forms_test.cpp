// docs/softgpu-forms.md is what this program makes of ptx/forms.txt: each form loaded by the real decoder, done or not. The test fails when
// the committed page says something else; FORMS_WRITE=1 writes it. FORMS_PTX=file FORMS_TARGET=90: the forms of that target as one text, for ptxas.
#include <algorithm>
#include <cctype>
#include <map>

#include "softgpu/exec/test_support.h"
#include "softgpu/ptx/module.h"

namespace softgpu {
namespace {

struct Form { std::string target, name, operands, reason; };

void expand(const std::string& s, std::vector<std::string>* out) {   // {a|b}
  size_t open = s.find('{');
  if (open == s.npos) return out->push_back(s);
  size_t close = s.find('}', open);
  std::istringstream choices(s.substr(open + 1, close - open - 1) + "|");
  for (std::string one; std::getline(choices, one, '|');) expand(s.substr(0, open) + one + s.substr(close + 1), out);
}

std::vector<Form> forms() {
  std::istringstream lines(read_file("ptx/forms.txt"));
  std::vector<Form> all;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::vector<std::string> part(1);
    int braces = 0;
    for (size_t i = 0; i < line.size(); i++) {   // " | " outside braces divides
      braces += line[i] == '{' ? 1 : line[i] == '}' ? -1 : 0;
      if (!braces && line[i] == '|' && i && line[i - 1] == ' ') part.emplace_back();
      else part.back() += line[i];
    }
    part.resize(4);
    for (std::string& p : part) {
      while (!p.empty() && p.back() == ' ') p.pop_back();
      while (!p.empty() && p[0] == ' ') p.erase(0, 1);
    }
    std::vector<std::string> names;
    expand(part[1], &names);
    for (const std::string& n : names) all.push_back({part[0], n, part[2], part[3]});
  }
  return all;
}

// The operands' letters become registers of the width that the form's types ask for.
std::string statement(const Form& f) {
  std::vector<Ty> types;
  std::istringstream mods(f.name);
  for (std::string m; std::getline(mods, m, '.');)
    if (Ty t; type_from(m, &t)) types.push_back(t);
  auto letter = [](Ty t, bool wide) {
    if (t == Ty::Pred) return 'p';
    int n = bytes_of(t) * (wide ? 2 : 1);
    return n <= 1 ? 'b' : n == 2 ? 'h' : n == 4 ? 'r' : n == 8 ? 'd' : 'q';
  };
  std::string s;
  int count = 0;
  for (size_t i = 0; i < f.operands.size(); i++) {
    char c = f.operands[i];
    auto word = [&](size_t at) { return at < f.operands.size() && (std::isalnum(static_cast<unsigned char>(f.operands[at])) || f.operands[at] == '_' || f.operands[at] == '%'); };
    if (c == '@') {
      char k = f.operands[++i];
      s += k == 'g' ? "[%d20]" : k == 's' ? "[%r20]" : "[%r21]";
    } else if (std::isalpha(static_cast<unsigned char>(c)) && !word(i + 1) && !(i && (word(i - 1) || f.operands[i - 1] == '.'))) {
      char k = c == 't' || c == 'w' ? letter(types.empty() ? Ty::B32 : types[0], c == 'w') : c == 's' ? letter(types.size() > 1 ? types[1] : types[0], false) : c;
      s += std::string("%") + k + std::to_string(count++);
    } else {
      s += c;
    }
  }
  return f.name + (s.empty() ? "" : " " + s) + ";";
}

std::string kernel(const Form& f, const std::string& name) {
  return ".visible .entry " + name + "()\n{\n.reg .pred %p<24>; .reg .b8 %b<24>; .reg .b16 %h<24>; .reg .b32 %r<32>; .reg .b64 %d<32>; .reg .b128 %q<8>; .shared .align 16 .b8 sm[64];\n" + statement(f) + "\n}\n";
}
const char* kHead = ".version 9.0\n.target sm_121a\n.address_size 64\n";

std::string page() {
  std::vector<Form> all = forms();
  struct Count { int done = 0, all = 0; std::map<std::string, std::vector<std::string>> missing; };
  std::map<std::string, Count> opcodes;
  int done = 0;
  for (const Form& f : all) {
    Count& c = opcodes[f.name.substr(0, f.name.find('.'))];
    Memory memory(1 << 20);
    std::unique_ptr<Module> m;
    std::string text = kHead + kernel(f, "k");
    std::span<const uint8_t> image(reinterpret_cast<const uint8_t*>(text.data()), text.size());
    Outcome o = load({&image, 1}, memory, 121, &m);
    bool ok = o.result == 0;
    c.all++, c.done += ok, done += ok;
    if (!ok) c.missing[f.reason.empty() ? o.text.substr(o.text.find(": ") + 2) : f.reason].push_back(f.name);
  }
  std::ostringstream s;
  s << "# Instruction forms of the software GPU\n\nMade by `softgpu_forms` (src/softgpu/ptx/forms_test.cpp) from the list src/softgpu/ptx/forms.txt: each form was given to the real decoder. A form is an opcode with\n"
       "its types and modifiers; hints (caching, scopes) are listed in samples. Forms of targets above sm_90 have no record of real hardware behind them: unit tests only.\n`multimem` is taken and traps when it is run: there is no multicast memory.\n\n"
    << "Done: **" << done << "** of " << all.size() << " forms of " << opcodes.size() << " opcodes. Not done: " << all.size() - static_cast<size_t>(done) << ", refused when the module is loaded (218, with a line that names the instruction).\n\n"
       "| opcode | done | not done |\n|---|---|---|\n";
  for (auto& [name, c] : opcodes) s << "| " << name << " | " << c.done << " | " << (c.all - c.done ? std::to_string(c.all - c.done) : "") << " |\n";
  s << "\n## Not done\n\n";
  for (auto& [name, c] : opcodes)
    for (auto& [why, list] : c.missing) {
      s << "- **" << name << "**, " << list.size() << ": " << why << ".";
      for (size_t i = 0; i < list.size() && i < 3; i++) s << (i ? ", `" : " `") << list[i] << "`";
      s << (list.size() > 3 ? ", …\n" : "\n");
    }
  return s.str();
}

}  // namespace

TEST(Forms, ThePageSaysWhatTheDecoderDoes) {
  if (const char* file = std::getenv("FORMS_PTX")) {
    std::ofstream out(file);
    std::string target = std::getenv("FORMS_TARGET") ? std::getenv("FORMS_TARGET") : "90";
    out << ".version 9.0\n.target sm_" << target << "\n.address_size 64\n";
    int n = 0;
    for (const Form& f : forms())
      if (f.target == target || (f.target.back() != 'a' && std::stoi(f.target) <= std::stoi(target))) out << kernel(f, "f" + std::to_string(n++));
  }
  std::string now = page();
  if (std::getenv("FORMS_WRITE")) std::ofstream("../../docs/softgpu-forms.md") << now;
  EXPECT_TRUE(read_file("../../docs/softgpu-forms.md") == now) << "docs/softgpu-forms.md is not what the decoder does: run softgpu_forms with FORMS_WRITE=1 in src/softgpu";
}

// Forms that only stand in the list with a reason must really be refused, and with a line that names them.
TEST(Forms, WhatIsLeftOutIsRefused) {
  for (const Form& f : forms()) {
    if (f.reason.empty()) continue;
    Memory memory(1 << 20);
    std::unique_ptr<Module> m;
    std::string text = kHead + kernel(f, "k");
    std::span<const uint8_t> image(reinterpret_cast<const uint8_t*>(text.data()), text.size());
    Outcome o = load({&image, 1}, memory, 121, &m);
    EXPECT_EQ(o.result, 218) << f.name;
    EXPECT_NE(o.text.find(f.name), std::string::npos) << o.text;
  }
}

}  // namespace softgpu
