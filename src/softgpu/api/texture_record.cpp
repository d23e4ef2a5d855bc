// Runs every case of texture_vectors.h on the machine's GPU and writes the answers: argv[1] = output file; with a second argument the
// answers at all points, otherwise at those that are kept in testdata/texture.zst (after zstd -19). A case that the driver refuses leaves
// zeros. Built by hand:
//   g++ -std=c++20 -O1 -Isrc -Ibuild/release/gen src/softgpu/api/texture_record.cpp -l:libcuda.so.1 -o texture_record
#include "softgpu/api/texture_vectors.h"

int main(int argc, char** argv) {
  using namespace texture_vectors;
  CUdevice device;
  CUcontext context;
  CUmodule module;
  std::string ptx = module_ptx();
  if (argc < 2 || cuInit(0) || cuDeviceGet(&device, 0) || cuDevicePrimaryCtxRetain(&context, device) || cuCtxSetCurrent(context)) return 1;
  if (CUresult rc = cuModuleLoadData(&module, ptx.c_str())) return fprintf(stderr, "module refused: %d\n", int(rc)), 1;
  FILE* out = fopen(argv[1], "wb");
  if (!out) return 1;
  std::vector<Case> all = cases();
  size_t refused = 0, samples = 0;
  for (unsigned i = 0; i < all.size(); i++) {
    std::vector<Answer> answers = run(all[i], i + 1, module, points(all[i], i + 1));
    if (answers.empty()) {
      fprintf(stderr, "case %u was refused\n", i);
      refused++;
      answers.resize(all[i].count);
    }
    if (argc == 2) {
      std::vector<Answer> some;
      for (unsigned k : kept(all[i])) some.push_back(answers[k]);
      answers = some;
    }
    samples += answers.size();
    fwrite(answers.data(), sizeof(Answer), answers.size(), out);
  }
  printf("%zu cases, %zu refused, %zu samples\n", all.size(), refused, samples);
  return fclose(out);
}
