// The linker of the manual's chapter "Module Management" (cuLink*): gathers PTX from texts, fat binaries, objects and libraries. There is
// no machine code here, so the "cubin" is a container with the texts (fatbin/linked.cpp), which loading links by symbol.
// Any thread may call; one CUlinkState is for one thread at a time, as in CUDA.
#include <cstring>

#include "base/log.h"
#include "softgpu/api/module.h"
#include "softgpu/api/profile.h"
#include "softgpu/fatbin/fatbin.h"

namespace softgpu::api {

struct Link {
  CUlinkState handle = nullptr;
  ContextRef context;
  JitOptions jit;                      // its log buffers stay valid as long as the state, says the manual
  std::vector<std::string> texts;
  std::vector<uint8_t> linked;         // what cuLinkComplete gave out; then nothing more may be added
};

namespace {

Registry<CUlinkState, Link>& links() {
  static auto* all = new Registry<CUlinkState, Link>;
  return *all;
}

CUresult enter_link(CUlinkState state, std::shared_ptr<Link>* link) {
  ContextRef context;
  TRY(enter(&context));
  *link = links().find(state);
  return *link ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult refuse(const Link& link, CUresult error, const char* name, const std::string& why) {
  link.jit.report({int(error), std::string(name) + ": " + why}, 0);
  base::log(base::Level::warn, "cuLink: %s: %s", name, why.c_str());
  return error;
}

// A text that is wrong by itself is refused when it is added, as by the driver's compiler; what it lacks may still come.
CUresult add_text(Link& link, std::string text, const char* name) {
  std::unique_ptr<Module> trial;
  std::string ended = text + '\0';
  std::span<const uint8_t> image(reinterpret_cast<const uint8_t*>(ended.data()), ended.size());
  Outcome outcome = load({&image, 1}, link.context->device->memory, link.context->device->profile.chip.capability, &trial);
  if (outcome.result && !outcome.unresolved) return refuse(link, CUresult(outcome.result), name, outcome.text);
  link.texts.push_back(std::move(text));
  return CUDA_SUCCESS;
}

CUresult add_image(Link& link, std::span<const uint8_t> image, const char* name) {
  PtxChoice choice = choose_ptx(image, link.context->device->profile.chip.capability);
  if (choice.result) return refuse(link, CUresult(choice.result), name, choice.error);
  link.texts.push_back(std::move(choice.text));
  for (auto& text : choice.further) link.texts.push_back(std::move(text));
  return CUDA_SUCCESS;
}

// Containers that the device runtime's library brings are left out: the engine has what they offer, or refuses it by name.
CUresult add_objects(Link& link, std::span<const uint8_t> bytes, const char* name) {
  auto containers = containers_in_object(bytes);
  if (containers.empty()) return refuse(link, CUDA_ERROR_INVALID_IMAGE, name, "neither an object nor a library with GPU code");
  if (strstr(name, "cudadevrt")) return CUDA_SUCCESS;
  for (auto& container : containers) TRY(add_image(link, container, name));
  return CUDA_SUCCESS;
}

CUresult add(Link& link, CUjitInputType type, std::span<const uint8_t> bytes, const char* name) {
  if (!name) name = "<no name>";
  switch (type) {
    case CU_JIT_INPUT_PTX: {
      const char* text = reinterpret_cast<const char*>(bytes.data());
      return add_text(link, std::string(text, strnlen(text, bytes.size())), name);
    }
    case CU_JIT_INPUT_CUBIN:
    case CU_JIT_INPUT_FATBINARY: return add_image(link, bytes, name);
    case CU_JIT_INPUT_OBJECT:
    case CU_JIT_INPUT_LIBRARY: return add_objects(link, bytes, name);
    case CU_JIT_INPUT_NVVM: return refuse(link, CUDA_ERROR_NOT_SUPPORTED, name, "LTO IR needs NVIDIA's compiler");
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

}  // namespace
}  // namespace softgpu::api

using namespace softgpu;
using namespace softgpu::api;

extern "C" {

CUresult cuLinkCreate_v2(unsigned int numOptions, CUjit_option* options, void** optionValues, CUlinkState* stateOut) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(stateOut);
  auto link = std::make_shared<Link>();
  link->context = context;
  TRY(link->jit.read(numOptions, options, optionValues));
  *stateOut = links().add(link);
  return CUDA_SUCCESS;
}

// Options of a single input say how to compile it, which nothing here does.
CUresult cuLinkAddData_v2(CUlinkState state, CUjitInputType type, void* data, size_t size, const char* name, unsigned int numOptions,
                          CUjit_option* options, void** optionValues) {
  std::shared_ptr<Link> link;
  TRY(enter_link(state, &link));
  REQUIRE(data && size && link->linked.empty());
  JitOptions unused;
  TRY(unused.read(numOptions, options, optionValues));
  return add(*link, type, {static_cast<const uint8_t*>(data), size}, name);
}

CUresult cuLinkAddFile_v2(CUlinkState state, CUjitInputType type, const char* path, unsigned int numOptions, CUjit_option* options,
                          void** optionValues) {
  std::shared_ptr<Link> link;
  TRY(enter_link(state, &link));
  JitOptions unused;
  TRY(unused.read(numOptions, options, optionValues));
  std::vector<uint8_t> bytes;
  TRY(read_file(path, &bytes));
  return add(*link, type, bytes, path);
}

// The trial load finds what does not fit together where the driver's linker would say it.
CUresult cuLinkComplete(CUlinkState state, void** cubinOut, size_t* sizeOut) {
  std::shared_ptr<Link> link;
  TRY(enter_link(state, &link));
  REQUIRE(cubinOut);
  if (!link->linked.empty()) return CUDA_ERROR_INVALID_HANDLE;   // measured on driver 580
  link->linked = pack_linked(link->texts, link->context->device->profile.chip.capability);
  std::span<const uint8_t> image = link->linked;
  std::unique_ptr<Module> trial;
  Outcome outcome;
  if (!link->texts.empty()) outcome = load({&image, 1}, link->context->device->memory, link->context->device->profile.chip.capability, &trial);
  link->jit.report(outcome, 0);
  if (outcome.result) return outcome.unresolved ? CUDA_ERROR_UNKNOWN : CUresult(outcome.result);
  *cubinOut = link->linked.data();
  if (sizeOut) *sizeOut = link->linked.size();
  return CUDA_SUCCESS;
}

CUresult cuLinkDestroy(CUlinkState state) {
  std::shared_ptr<Link> link;
  TRY(enter_link(state, &link));
  return links().take(state) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

// The forms of CUDA 5.5 differ by the name alone.
CUresult cuLinkCreate(unsigned int numOptions, CUjit_option* options, void** optionValues, CUlinkState* stateOut) {
  return cuLinkCreate_v2(numOptions, options, optionValues, stateOut);
}
CUresult cuLinkAddData(CUlinkState state, CUjitInputType type, void* data, size_t size, const char* name, unsigned int numOptions,
                       CUjit_option* options, void** optionValues) {
  return cuLinkAddData_v2(state, type, data, size, name, numOptions, options, optionValues);
}
CUresult cuLinkAddFile(CUlinkState state, CUjitInputType type, const char* path, unsigned int numOptions, CUjit_option* options,
                       void** optionValues) {
  return cuLinkAddFile_v2(state, type, path, numOptions, options, optionValues);
}

}  // extern "C"
