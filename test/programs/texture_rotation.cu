// A picture turned, zoomed and shifted through a texture: normalized coordinates, the hardware's linear filter, four ways to go on past the
// edge. Each pixel is compared with the filter as it is on paper: coordinates in 1/256 of a texel, weights of 8 bits.
#include <cmath>
#include "buffer.h"
#include "show.h"

const int kTexels = 64, kWidth = 144, kHeight = 108;
const float kBorder = 200;

struct Turn { float xx, xy, x, yx, yy, y; };  // from pixels to the texture, which lies between 0 and 1

__host__ __device__ inline float2 place(const Turn& t, int x, int y) {
  return make_float2(fmaf(t.xx, float(x), fmaf(t.xy, float(y), t.x)), fmaf(t.yx, float(x), fmaf(t.yy, float(y), t.y)));
}

__global__ void rotate(cudaTextureObject_t picture, Turn turn, float* out) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= kWidth || y >= kHeight) return;
  float2 at = place(turn, x, y);
  out[y * kWidth + x] = tex2D<float>(picture, at.x, at.y);
}

int inside(int i, cudaTextureAddressMode mode) {  // the texel that stands for texel i; -1: the border's colour
  if (i >= 0 && i < kTexels) return i;
  int turns = (i % (2 * kTexels) + 2 * kTexels) % (2 * kTexels);
  switch (mode) {
    case cudaAddressModeWrap: return turns % kTexels;
    case cudaAddressModeMirror: return turns < kTexels ? turns : 2 * kTexels - 1 - turns;
    case cudaAddressModeClamp: return i < 0 ? 0 : kTexels - 1;
    default: return -1;
  }
}

float filtered(const std::vector<float>& picture, float2 at, cudaTextureAddressMode mode) {
  auto fixed = [](float v) { return int(floor(double(v) * kTexels * 256 + 0.5)) - 128; };  // texel 0 has its middle at half a texel
  int x = fixed(at.x), y = fixed(at.y), wx = x & 255, wy = y & 255, both = (wx * wy + 128) >> 8;
  auto texel = [&](int dx, int dy) {
    int column = inside((x >> 8) + dx, mode), row = inside((y >> 8) + dy, mode);
    return column < 0 || row < 0 ? kBorder : picture[row * kTexels + column];
  };
  return ((256 - wx - wy + both) * texel(0, 0) + (wx - both) * texel(1, 0) + (wy - both) * texel(0, 1) + both * texel(1, 1)) / 256;
}

int main() {
  print_device();
  std::vector<float> picture(kTexels * kTexels);
  for (int y = 0; y < kTexels; y++) {
    for (int x = 0; x < kTexels; x++) {
      bool disc = hypot(x - 22, y - 24) < 13, bar = abs(x + y - 90) < 5, checks = (x / 8 + y / 8) % 2;
      picture[y * kTexels + x] = float(disc ? 250 : bar ? 180 : 30 + x + 40 * checks);
    }
  }
  cudaArray_t array;
  cudaChannelFormatDesc format = cudaCreateChannelDesc<float>();
  CHECK(cudaMallocArray(&array, &format, kTexels, kTexels));
  CHECK(cudaMemcpy2DToArray(array, 0, 0, picture.data(), kTexels * sizeof(float), kTexels * sizeof(float), kTexels, cudaMemcpyHostToDevice));
  cudaResourceDesc resource{};
  resource.resType = cudaResourceTypeArray, resource.res.array.array = array;

  const struct { cudaTextureAddressMode mode; const char* name; float degrees, zoom; } kPictures[] = {
      {cudaAddressModeWrap, "texture_rotation", 30, 2.5f}, {cudaAddressModeMirror, "texture_rotation_mirror", 75, 3},
      {cudaAddressModeClamp, "texture_rotation_clamp", -20, 1.5f}, {cudaAddressModeBorder, "texture_rotation_border", 200, 1.75f}};
  Buffer<float> out(kWidth * kHeight);
  int wrong = 0, between = 0;
  for (auto& p : kPictures) {
    cudaTextureDesc how{};
    how.addressMode[0] = how.addressMode[1] = p.mode, how.filterMode = cudaFilterModeLinear, how.normalizedCoords = 1, how.borderColor[0] = kBorder;
    cudaTextureObject_t texture;
    CHECK(cudaCreateTextureObject(&texture, &resource, &how, nullptr));
    float c = float(cos(p.degrees * M_PI / 180)) * p.zoom / kWidth, s = float(sin(p.degrees * M_PI / 180)) * p.zoom / kWidth;
    Turn turn{c, -s, 0.5f - c * kWidth / 2 + s * kHeight / 2, s, c, 0.5f - s * kWidth / 2 - c * kHeight / 2};
    rotate<<<dim3((kWidth + 31) / 32, (kHeight + 7) / 8), dim3(32, 8)>>>(texture, turn, out);
    std::vector<float> result = out.host();
    for (int y = 0; y < kHeight; y++) {
      for (int x = 0; x < kWidth; x++) {
        float pixel = result[y * kWidth + x];
        wrong += pixel != filtered(picture, place(turn, x, y), p.mode);
        between += pixel != floorf(pixel);
      }
    }
    show::field(p.name, kWidth, kHeight, result.data(), 0, 255);
    CHECK(cudaDestroyTextureObject(texture));
  }
  CHECK(cudaFreeArray(array));
  show::field("texture_rotation_before", kTexels, kTexels, picture.data(), 0, 255);
  char line[120];
  snprintf(line, sizeof line, "four turned pictures of %d pixels, %d between texels, %d wrong", kWidth * kHeight, between, wrong);
  return verdict(wrong == 0 && between > kWidth * kHeight, line);
}
