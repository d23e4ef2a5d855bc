// How long a module image is, read from its own headers (client/image.h).
#include "client/image.h"

#include <elf.h>
#include <string.h>

#include <algorithm>

#include "teleport/session.h"
#include "wire/image_key.h"

namespace client {

namespace {
struct Wrapper { uint32_t magic, version; const void* data; const void* const* fatbins; };
struct Container { uint32_t magic; uint16_t version, header_bytes; uint64_t data_bytes; };
constexpr uint32_t kWrapper = 0x466243b1, kContainer = 0xba55ed50;

uint64_t elf_bytes(const void* image) {
  Elf64_Ehdr h;
  memcpy(&h, image, sizeof h);
  if (h.e_ident[EI_CLASS] != ELFCLASS64) return 0;
  uint64_t end = h.e_ehsize;
  auto reach = [&end](uint64_t to) { if (to > end) end = to; };
  reach(h.e_shoff + uint64_t(h.e_shnum) * h.e_shentsize);
  reach(h.e_phoff + uint64_t(h.e_phnum) * h.e_phentsize);
  auto* bytes = static_cast<const uint8_t*>(image);
  for (unsigned i = 0; i < h.e_shnum; i++) {
    Elf64_Shdr s;
    memcpy(&s, bytes + h.e_shoff + uint64_t(i) * h.e_shentsize, sizeof s);
    if (s.sh_type != SHT_NOBITS) reach(s.sh_offset + s.sh_size);
  }
  return end;
}

// A container, an ELF file or PTX text; 0: none of them.
uint64_t plain_bytes(const void* image) {
  uint32_t magic;
  memcpy(&magic, image, sizeof magic);
  if (magic == kContainer) {
    Container c;
    memcpy(&c, image, sizeof c);
    return c.header_bytes + c.data_bytes;
  }
  if (memcmp(image, ELFMAG, SELFMAG) == 0) return elf_bytes(image);
  auto* text = static_cast<const unsigned char*>(image);
  // PTX is text: it begins with a directive, a comment or white space. Anything else has no length that we could know.
  if (*text != '.' && *text != '/' && *text != '\n' && *text != '\r' && *text != ' ' && *text != '\t') return 0;
  return strlen(static_cast<const char*>(image)) + 1;
}
}  // namespace

bool is_wrapper(const void* image) {
  uint32_t magic;
  memcpy(&magic, image, sizeof magic);
  return magic == kWrapper;
}

bool image_parts(const void* image, std::vector<ImagePart>* parts) {
  parts->clear();
  const void* first = image;
  const void* const* more = nullptr;
  if (is_wrapper(image)) {
    Wrapper w;
    memcpy(&w, image, sizeof w);
    first = w.data;
    if (w.version == 2) more = w.fatbins;
    else if (w.version != 1) return false;
    if (!first) return false;
  }
  uint64_t n = plain_bytes(first);
  if (!n) return false;
  parts->push_back({first, n});
  for (; more && *more; more++) {
    if (!(n = plain_bytes(*more))) return false;
    parts->push_back({*more, n});
  }
  return true;
}

static teleport::Lock g_kept_lock;
static base::Digest g_tag_key;
static std::vector<base::Digest>& kept() {   // sorted
  static auto* v = new std::vector<base::Digest>;   // never destroyed: other threads may still run at exit
  return *v;
}
static bool before(const base::Digest& a, const base::Digest& b) { return a.hi != b.hi ? a.hi < b.hi : a.lo < b.lo; }

void learn_kept_images(const uint8_t* told, size_t bytes) {
  if (bytes < sizeof g_tag_key) return;
  g_kept_lock.lock();
  memcpy(&g_tag_key, told, sizeof g_tag_key);
  auto& v = kept();
  v.resize(bytes / sizeof g_tag_key - 1);
  if (!v.empty()) memcpy(v.data(), told + sizeof g_tag_key, v.size() * sizeof g_tag_key);
  std::sort(v.begin(), v.end(), before);
  g_kept_lock.unlock();
}

ImageKey key_of(const ImagePart& part) {
  static const base::ContentHash names(wire::kImageNameKey), tags(g_tag_key);   // cuInit was before
  auto both = base::ContentHash::of<2>({&names, &tags}, part.p, part.bytes);
  return {both[0], both[1]};
}

bool image_kept(const ImageKey& key) {
  g_kept_lock.lock();
  bool found = std::binary_search(kept().begin(), kept().end(), key.name, before);
  g_kept_lock.unlock();
  return found;
}

void note_kept(const ImageKey& key, bool is_kept) {
  g_kept_lock.lock();
  auto& v = kept();
  auto at = std::lower_bound(v.begin(), v.end(), key.name, before);
  bool found = at != v.end() && *at == key.name;
  if (is_kept && !found) v.insert(at, key.name);
  if (!is_kept && found) v.erase(at);
  g_kept_lock.unlock();
}

}  // namespace client
