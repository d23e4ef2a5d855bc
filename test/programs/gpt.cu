// A small GPT: embeddings, four layers of causal attention (with a cache of keys and values) and a GELU network, greedy decoding.
// The same in plain C++ with doubles beside it: the chosen letters must be the same and the logits close.
// The weights are those of gpt/make_weights.py, in a file beside the program: gpt.weights.
#include <cfloat>
#include <cmath>
#include <string>
#include "buffer.h"
#include "show.h"

const int kLayers = 4, kWidth = 128, kHeads = 4, kHead = kWidth / kHeads, kVocabulary = 256, kContext = 64, kGenerate = 36;

struct Layer {
  float norm1[kWidth], qkv[3 * kWidth][kWidth], out[kWidth][kWidth], norm2[kWidth], up[4 * kWidth][kWidth], down[kWidth][4 * kWidth];
};
struct Weights {  // the file as it is
  float embedding[kVocabulary][kWidth], position[kContext][kWidth];
  Layer layers[kLayers];
  float norm[kWidth], head[kVocabulary][kWidth];
};

__device__ float warp_sum(float x) {
  for (int step = 16; step; step /= 2) x += __shfl_xor_sync(~0u, x, step);
  return x;
}

__global__ void embed(const Weights* weights, const int* ids, int first, float* x) {  // a block for each place
  int place = first + blockIdx.x;
  x[blockIdx.x * kWidth + threadIdx.x] = weights->embedding[ids[place]][threadIdx.x] + weights->position[place][threadIdx.x];
}

__global__ void normalise(const float* x, const float* gain, float* out) {  // layer norm: a warp for each row
  const float* row = x + blockIdx.x * kWidth;
  float sum = 0, squares = 0;
  for (int i = threadIdx.x; i < kWidth; i += 32) sum += row[i];
  float mean = warp_sum(sum) / kWidth;
  for (int i = threadIdx.x; i < kWidth; i += 32) squares += (row[i] - mean) * (row[i] - mean);
  float scale = rsqrtf(warp_sum(squares) / kWidth + 1e-5f);
  for (int i = threadIdx.x; i < kWidth; i += 32) out[blockIdx.x * kWidth + i] = (row[i] - mean) * scale * gain[i];
}

enum Then { kStore, kAdd, kGelu };
template <Then then>
__global__ void linear(const float* weights, int inputs, const float* x, float* out) {  // a warp for each output of a row
  int output = blockIdx.x * blockDim.y + threadIdx.y, outputs = gridDim.x * blockDim.y;
  const float4 *w = (const float4*)(weights + output * inputs), *row = (const float4*)(x + blockIdx.y * inputs);
  float sum = 0;
  for (int i = threadIdx.x; i < inputs / 4; i += 32) sum += w[i].x * row[i].x + w[i].y * row[i].y + w[i].z * row[i].z + w[i].w * row[i].w;
  sum = warp_sum(sum);
  if (threadIdx.x) return;
  float* target = &out[blockIdx.y * outputs + output];
  if (then == kGelu) sum = 0.5f * sum * (1 + erff(sum * 0.70710678f));
  *target = then == kAdd ? *target + sum : sum;
}

// A warp for each head of each place; cache: queries, keys and values of all places, a row each. seen: what the last place looked at.
__global__ void attend(const float* cache, int first, float* out, float* seen) {
  __shared__ float scores[kContext];
  int place = first + blockIdx.x, head = blockIdx.y, lane = threadIdx.x;
  auto part = [&](int at, int which) { return cache + (at * 3 + which) * kWidth + head * kHead; };
  float query = part(place, 0)[lane] * rsqrtf(float(kHead)), largest = -FLT_MAX, total = 0, value = 0;
  for (int at = 0; at <= place; at++) {
    float score = warp_sum(query * part(at, 1)[lane]);
    largest = fmaxf(largest, score);
    if (lane == 0) scores[at] = score;
  }
  __syncwarp();
  for (int at = 0; at <= place; at++) {
    float weight = expf(scores[at] - largest);
    total += weight, value += weight * part(at, 2)[lane];
  }
  out[blockIdx.x * kWidth + head * kHead + lane] = value / total;
  for (int at = lane; at <= place; at += 32) seen[(head * kContext + place) * kContext + at] = expf(scores[at] - largest) / total;
}

__global__ void most_likely(const float* logits, int* next) {  // one warp; of equals the first
  float best = -FLT_MAX;
  int id = 0;
  for (int i = threadIdx.x; i < kVocabulary; i += 32)
    if (logits[i] > best) best = logits[i], id = i;
  for (int step = 16; step; step /= 2) {
    float other = __shfl_xor_sync(~0u, best, step);
    int other_id = __shfl_xor_sync(~0u, id, step);
    if (other > best || (other == best && other_id < id)) best = other, id = other_id;
  }
  if (threadIdx.x == 0) *next = id;
}

struct Model {
  explicit Model(const Weights& host) : ids(kContext), x(kContext * kWidth), normal(kContext * kWidth), mixed(kContext * kWidth), wide(kContext * kWidth * 4), logits(kVocabulary),
                                        cache(kLayers * kContext * kWidth * 3), seen(kLayers * kHeads * kContext * kContext) {
    CHECK(cudaMalloc(&weights, sizeof host));
    CHECK(cudaMemcpy(weights, &host, sizeof host, cudaMemcpyHostToDevice));
  }
  ~Model() { cudaFree(weights); }
  template <Then then>
  void multiply(const float* w, int outputs, int inputs, const float* in, float* out, int rows) {
    linear<then><<<dim3(outputs / 8, rows), dim3(32, 8)>>>(w, inputs, in, out);
  }
  void forward(int first, int rows) {  // places first … first + rows - 1; the last one's successor goes to its place
    embed<<<rows, kWidth>>>(weights, ids, first, x);
    for (int l = 0; l < kLayers; l++) {
      const Layer* layer = &weights->layers[l];
      float* rows_of_cache = cache + l * kContext * kWidth * 3;
      normalise<<<rows, 32>>>(x, layer->norm1, normal);
      multiply<kStore>(layer->qkv[0], 3 * kWidth, kWidth, normal, rows_of_cache + first * kWidth * 3, rows);
      attend<<<dim3(rows, kHeads), kHead>>>(rows_of_cache, first, mixed, seen + l * kHeads * kContext * kContext);
      multiply<kAdd>(layer->out[0], kWidth, kWidth, mixed, x, rows);
      normalise<<<rows, 32>>>(x, layer->norm2, normal);
      multiply<kGelu>(layer->up[0], 4 * kWidth, kWidth, normal, wide, rows);
      multiply<kAdd>(layer->down[0], kWidth, 4 * kWidth, wide, x, rows);
    }
    normalise<<<1, 32>>>(x + (rows - 1) * kWidth, weights->norm, normal);
    multiply<kStore>(weights->head[0], kVocabulary, kWidth, normal, logits, 1);
    most_likely<<<1, 32>>>(logits, ids + first + rows);
  }
  Weights* weights;  // on the device
  Buffer<int> ids;
  Buffer<float> x, normal, mixed, wide, logits, cache, seen;
};

typedef std::vector<double> Row;
struct Reference {  // the same for one place after another, on the CPU
  static Row times(const float* w, int outputs, const Row& in) {
    Row out(outputs);
    for (int o = 0; o < outputs; o++)
      for (size_t k = 0; k < in.size(); k++) out[o] += double(w[o * in.size() + k]) * in[k];
    return out;
  }
  static Row normal(const Row& x, const float* gain) {
    double mean = 0, variance = 0;
    for (double v : x) mean += v / kWidth;
    for (double v : x) variance += (v - mean) * (v - mean) / kWidth;
    Row out(kWidth);
    for (int i = 0; i < kWidth; i++) out[i] = (x[i] - mean) / std::sqrt(variance + 1e-5) * gain[i];
    return out;
  }
  static void add(Row& x, const Row& more) {
    for (size_t i = 0; i < x.size(); i++) x[i] += more[i];
  }
  Row logits(const Weights& w, int id) {
    Row x(kWidth);
    for (int i = 0; i < kWidth; i++) x[i] = double(w.embedding[id][i]) + w.position[places][i];
    places++;
    for (int l = 0; l < kLayers; l++) {
      const Layer& layer = w.layers[l];
      cache[l].push_back(times(layer.qkv[0], 3 * kWidth, normal(x, layer.norm1)));
      const auto& rows = cache[l];
      Row mixed(kWidth);
      for (int h = 0; h < kHeads; h++) {
        Row weights(places);
        double total = 0;
        for (int at = 0; at < places; at++) {
          for (int i = h * kHead; i < (h + 1) * kHead; i++) weights[at] += rows.back()[i] * rows[at][kWidth + i] / std::sqrt(double(kHead));
          total += weights[at] = std::exp(weights[at]);
        }
        for (int at = 0; at < places; at++)
          for (int i = h * kHead; i < (h + 1) * kHead; i++) mixed[i] += weights[at] / total * rows[at][2 * kWidth + i];
      }
      add(x, times(layer.out[0], kWidth, mixed));
      Row wide = times(layer.up[0], 4 * kWidth, normal(x, layer.norm2));
      for (double& v : wide) v = 0.5 * v * (1 + std::erf(v / std::sqrt(2.0)));
      add(x, times(layer.down[0], kWidth, wide));
    }
    return times(w.head[0], kVocabulary, normal(x, w.norm));
  }
  int places = 0;
  std::vector<Row> cache[kLayers];
};

int main(int, char** arguments) {
  print_device();
  std::vector<Weights> weights(1);
  FILE* file = fopen((arguments[0] + std::string(".weights")).c_str(), "rb");
  if (!file || fread(weights.data(), sizeof(Weights), 1, file) != 1) return verdict(false, "the file of weights is missing or short");
  fclose(file);

  std::string prompt = "the worker ";
  std::vector<int> ids(prompt.begin(), prompt.end());
  Model model(weights[0]);
  Reference reference;
  CHECK(cudaMemcpy(model.ids, ids.data(), ids.size() * sizeof(int), cudaMemcpyHostToDevice));
  Row expected;
  for (int id : ids) expected = reference.logits(weights[0], id);
  double worst = 0, surprise = 0;
  bool right = true;
  for (int made = 0; made < kGenerate; made++) {
    if (made == 0) model.forward(0, int(ids.size()));
    else model.forward(int(ids.size()) - 1, 1);
    std::vector<float> logits = model.logits.host();
    int next, best = 0;
    double total = 0;
    CHECK(cudaMemcpy(&next, model.ids + ids.size(), sizeof next, cudaMemcpyDeviceToHost));
    for (int i = 0; i < kVocabulary; i++) {
      worst = std::fmax(worst, std::fabs(logits[i] - expected[i]));
      total += std::exp(expected[i]);
      if (expected[i] > expected[best]) best = i;
    }
    right &= next == best;
    surprise += std::log(total) - expected[best];
    ids.push_back(next);
    expected = reference.logits(weights[0], next & 255);
  }
  std::string text(ids.begin(), ids.end());
  printf("text: %s|%s\n", prompt.c_str(), text.substr(prompt.size()).c_str());
  std::vector<float> seen = model.seen.host();
  show::field("gpt", kContext, kContext, &seen[0], 0, 0.3);  // what the first head of the first layer looked at, a row for each place
  show::field("gpt_last_layer", kContext, kContext, &seen[(kLayers * kHeads - 1) * kContext * kContext], 0, 0.3);
  char line[120];
  snprintf(line, sizeof line, "%d letters, perplexity %.2f, logits off by at most %.1e", kGenerate, std::exp(surprise / kGenerate), worst);
  return verdict(right && worst < 1e-3, line);
}
