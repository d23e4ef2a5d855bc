// Textures in one to three dimensions, layers, cubes, gathering, linear and pitched memory, against the formulas of CUDA's manual:
// weights in 1.8 fixed point, addresses clamped, wrapped, mirrored or replaced by the border.
#include <cmath>

#include "textures.h"

static int wrapped(int i, int n, CUaddress_mode mode) {   // -1: border
  if (i >= 0 && i < n) return i;
  switch (mode) {
    case CU_TR_ADDRESS_MODE_WRAP: return ((i % n) + n) % n;
    case CU_TR_ADDRESS_MODE_MIRROR: i = ((i % (2 * n)) + 2 * n) % (2 * n); return i < n ? i : 2 * n - 1 - i;
    case CU_TR_ADDRESS_MODE_BORDER: return -1;
    default: return i < 0 ? 0 : n - 1;
  }
}

struct Image {
  int w, h, d;
  std::vector<float> texels;
  float at(int x, int y, int z, CUaddress_mode m) const {
    x = wrapped(x, w, m), y = wrapped(y, h, m), z = wrapped(z, d, m);
    return x < 0 || y < 0 || z < 0 ? 0.5f : texels[(z * h + y) * w + x];
  }
};

// p in texels. Coordinates of these tests are multiples of 1/256, so that nothing has to be rounded.
static double expected(const Image& image, const double p[3], int n, bool linear, CUaddress_mode m) {
  if (!linear) return image.at(int(std::floor(p[0])), n > 1 ? int(std::floor(p[1])) : 0, n > 2 ? int(std::floor(p[2])) : 0, m);
  double sum = 0;
  for (int corner = 0; corner < 1 << n; corner++) {
    double weight = 1;
    int i[3] = {0, 0, 0};
    for (int k = 0; k < n; k++) {
      double f = std::floor(p[k] - 0.5), a = p[k] - 0.5 - f;
      i[k] = int(f) + (corner >> k & 1), weight *= corner >> k & 1 ? a : 1 - a;
    }
    sum += weight * image.at(i[0], i[1], i[2], m);
  }
  if (n == 1 && m == CU_TR_ADDRESS_MODE_BORDER) sum = (sum + 0.5) / 2;   // a row is an image, read at its upper edge: half of it is border
  return sum;
}

static void check_array(int n, int w, int h, int d) {
  Image image{w, h ? h : 1, d ? d : 1, {}};
  for (int i = 0; i < image.w * image.h * image.d; i++) image.texels.push_back(float(i * 37 % 101));
  CUarray array = make_array(w, h, d, CU_AD_FORMAT_FLOAT, 1);
  fill_array(array, image.texels.data(), w * 4, image.h, image.d);
  const CUaddress_mode kModes[] = {CU_TR_ADDRESS_MODE_WRAP, CU_TR_ADDRESS_MODE_CLAMP, CU_TR_ADDRESS_MODE_MIRROR, CU_TR_ADDRESS_MODE_BORDER};
  const char* kernels[] = {"sample1d", "sample2d", "sample3d"};
  for (CUaddress_mode mode : kModes)
    for (bool linear : {false, true})
      for (bool normalized : {false, true}) {
        if (!normalized && (mode == CU_TR_ADDRESS_MODE_WRAP || mode == CU_TR_ADDRESS_MODE_MIRROR)) continue;   // the driver clamps there
        CUDA_TEXTURE_DESC t = sampler(linear ? CU_TR_FILTER_MODE_LINEAR : CU_TR_FILTER_MODE_POINT, mode, normalized ? CU_TRSF_NORMALIZED_COORDINATES : 0);
        t.borderColor[0] = 0.5f;
        CUtexObject texture = make_texture(of_array(array), t);
        std::vector<Four> at;
        std::vector<double> wanted;
        for (int i = 0; i < 300; i++) {
          double p[3];
          const int size[3] = {image.w, image.h, image.d};
          for (int k = 0; k < 3; k++) p[k] = ((i * (k * 2 + 7919) % (size[k] * 3 * 256)) - size[k] * 256) / 256.0 + (linear ? 0 : 1.0 / 64);
          wanted.push_back(expected(image, p, n, linear, mode));
          for (int k = 0; k < 3 && normalized; k++) p[k] /= size[k];   // sizes are powers of 2
          at.push_back({float(p[0]), float(p[1]), float(p[2]), 0});
        }
        auto seen = sample(kernels[n - 1], texture, at);
        for (size_t i = 0; i < at.size(); i++) {
          if (std::fabs(seen[i].x - wanted[i]) > (!linear ? 0 : n == 1 && mode != CU_TR_ADDRESS_MODE_BORDER ? 0.01 : n < 3 ? 0.4 : 1.6) || seen[i].w != 0) {
            printf("%s mode %d linear %d normalized %d at %g %g %g: %g, wanted %g\n", kernels[n - 1], int(mode), linear, normalized, at[i].x, at[i].y, at[i].z, seen[i].x, wanted[i]);
            fflush(stdout);
            _Exit(1);
          }
        }
        CU(cuTexObjectDestroy(texture));
      }
  CU(cuArrayDestroy(array));
}

int main() {
  Gpu gpu;
  check_array(1, 16, 0, 0);
  check_array(2, 16, 8, 0);
  check_array(3, 8, 4, 16);

  // layers: the number beyond the last is the last
  std::vector<float> layers(8 * 4 * 3);
  for (size_t i = 0; i < layers.size(); i++) layers[i] = float(i);
  CUDA_TEXTURE_DESC point = sampler(CU_TR_FILTER_MODE_POINT, CU_TR_ADDRESS_MODE_CLAMP, 0);
  CUarray a = make_array(8, 4, 3, CU_AD_FORMAT_FLOAT, 1, CUDA_ARRAY3D_LAYERED), b = make_array(8, 0, 3, CU_AD_FORMAT_FLOAT, 1, CUDA_ARRAY3D_LAYERED);
  fill_array(a, layers.data(), 32, 4, 3);
  fill_array(b, layers.data(), 32, 1, 3);
  std::vector<Four> at;
  for (int z = 0; z < 4; z++)
    for (int x = 0; x < 8; x++) at.push_back({x + 0.5f, (x + z) % 4 + 0.5f, 0, float(z)});
  auto two = sample("layer2d", make_texture(of_array(a), point), at), one = sample("layer1d", make_texture(of_array(b), point), at);
  for (size_t i = 0; i < at.size(); i++) {
    int z = at[i].w > 2 ? 2 : int(at[i].w);
    CHECK(two[i].x == layers[(z * 4 + int(at[i].y)) * 8 + int(at[i].x)]);
    CHECK(one[i].x == layers[z * 8 + int(at[i].x)]);
  }

  // a cube: faces +x -x +y -y +z -z; the texel that each axis points to
  std::vector<float> faces(6 * 4);
  for (size_t i = 0; i < faces.size(); i++) faces[i] = float(i);
  CUarray c = make_array(2, 2, 6, CU_AD_FORMAT_FLOAT, 1, CUDA_ARRAY3D_CUBEMAP);
  fill_array(c, faces.data(), 8, 2, 6);
  auto cube = sample<Four, Four>("cube", make_texture(of_array(c), point),
                     {{2, .5f, .5f, 0}, {-2, .5f, .5f, 0}, {.5f, 2, .5f, 0}, {.5f, -2, .5f, 0}, {.5f, .5f, 2, 0}, {.5f, .5f, -2, 0}});
  const float wanted_cube[] = {0, 4 + 1, 8 + 3, 12 + 1, 16 + 1, 20 + 0};   // s to the right, t downwards
  for (int i = 0; i < 6; i++) CHECK(cube[i].x == wanted_cube[i]);

  // gathering, and integers as they are and as fractions
  std::vector<unsigned char> bytes(8 * 8 * 4);
  for (size_t i = 0; i < bytes.size(); i++) bytes[i] = (unsigned char)(i * 5 + 2);
  CUarray q = make_array(8, 8, 0, CU_AD_FORMAT_UNSIGNED_INT8, 4, CUDA_ARRAY3D_TEXTURE_GATHER);
  fill_array(q, bytes.data(), 32, 8);
  struct Whole { unsigned v[4]; };
  auto raw = sample<Whole, Four>("integers2d", make_texture(of_array(q), sampler(CU_TR_FILTER_MODE_POINT, CU_TR_ADDRESS_MODE_CLAMP, CU_TRSF_READ_AS_INTEGER)), {{3.5f, 2.5f, 0, 0}, {7.5f, 7.5f, 0, 0}});
  for (int k = 0; k < 4; k++) CHECK(raw[0].v[k] == bytes[(2 * 8 + 3) * 4 + k] && raw[1].v[k] == bytes[(7 * 8 + 7) * 4 + k]);
  auto parts = sample<Four, Four>("sample2d", make_texture(of_array(q), point), {{3.5f, 2.5f, 0, 0}});
  CHECK(parts[0].x == bytes[(2 * 8 + 3) * 4] / 255.0f && parts[0].w == bytes[(2 * 8 + 3) * 4 + 3] / 255.0f);
  auto four = sample<Four, Four>("gather2d", make_texture(of_array(q), point), {{3, 2, 0, 0}});
  auto red = [&](int x, int y) { return bytes[(y * 8 + x) * 4] / 255.0f; };
  CHECK(four[0].x == red(2, 2) && four[0].y == red(3, 2) && four[0].z == red(3, 1) && four[0].w == red(2, 1));

  // linear and pitched memory
  std::vector<float> numbers(64 * 8);
  for (size_t i = 0; i < numbers.size(); i++) numbers[i] = float(i) / 4;
  CUdeviceptr memory = allocate(numbers.size() * 4);
  CU(cuMemcpyHtoD_v2(memory, numbers.data(), numbers.size() * 4));
  CUDA_RESOURCE_DESC r{};
  r.resType = CU_RESOURCE_TYPE_LINEAR, r.res.linear.devPtr = memory, r.res.linear.format = CU_AD_FORMAT_FLOAT, r.res.linear.numChannels = 2, r.res.linear.sizeInBytes = 64 * 4;
  struct Index { int v[4]; };
  auto line = sample<Four, Index>("fetch1d", make_texture(r, point), {{{0}}, {{31}}, {{7}}, {{32}}, {{-1}}});
  CHECK(line[1].x == numbers[62] && line[1].y == numbers[63] && line[2].x == numbers[14] && line[1].z == 0 && line[1].w == 0);
  CHECK(line[3].x == 0 && line[4].x == 0 && line[4].y == 0);
  r = {};
  r.resType = CU_RESOURCE_TYPE_PITCH2D;
  auto& p = r.res.pitch2D;
  p.devPtr = memory, p.format = CU_AD_FORMAT_FLOAT, p.numChannels = 1, p.width = 50, p.height = 8, p.pitchInBytes = 256;
  auto pitched = sample<Four, Four>("sample2d", make_texture(r, sampler(CU_TR_FILTER_MODE_LINEAR, CU_TR_ADDRESS_MODE_CLAMP, 0)), {{10, 3.5f, 0, 0}, {49.5f, 9, 0, 0}, {80, 0.25f, 0, 0}});
  CHECK(pitched[0].x == (numbers[3 * 64 + 9] + numbers[3 * 64 + 10]) / 2 && pitched[1].x == numbers[7 * 64 + 49] && pitched[2].x == numbers[49]);
}
