// Breadth-first search through a maze: each launch takes the frontier one step on, new cells join the next one by an atomic ticket.
#include <algorithm>
#include "buffer.h"
#include "show.h"

const int kWidth = 101, kHeight = 61, kCells = kWidth * kHeight;

__global__ void step(const unsigned char* walls, const int* frontier, int size, int* next, int* next_size, int* distance, int level) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= size) return;
  const int sides[] = {-1, 1, -kWidth, kWidth};
  for (int side : sides) {
    int cell = frontier[i] + side;  // the maze is walled in
    if (!walls[cell] && atomicCAS(&distance[cell], -1, level) == -1) next[atomicAdd(next_size, 1)] = cell;
  }
}

std::vector<unsigned char> dig(Random& random) {
  std::vector<unsigned char> walls(kCells, 1);
  std::vector<int> trail{kWidth + 1};
  walls[trail[0]] = 0;
  while (!trail.empty()) {
    int here = trail.back(), x = here % kWidth, y = here / kWidth, ways[4][2], count = 0;
    const int sides[][2] = {{-2, 0}, {2, 0}, {0, -2}, {0, 2}};
    for (auto [dx, dy] : sides) {
      int u = x + dx, v = y + dy;
      if (u > 0 && u < kWidth && v > 0 && v < kHeight && walls[v * kWidth + u]) ways[count][0] = dx, ways[count++][1] = dy;
    }
    if (count == 0) {
      trail.pop_back();
      continue;
    }
    auto [dx, dy] = ways[random.below(count)];
    walls[here + dx / 2 + dy / 2 * kWidth] = walls[here + dx + dy * kWidth] = 0;
    trail.push_back(here + dx + dy * kWidth);
  }
  for (int i = 0; i < 160; i++) walls[(1 + random.below(kHeight - 2)) * kWidth + 1 + random.below(kWidth - 2)] = 0;  // a few short cuts
  return walls;
}

int main() {
  print_device();
  Random random;
  std::vector<unsigned char> maze = dig(random);
  const int start = kWidth + 1, goal = kCells - kWidth - 2;
  std::vector<int> expected(kCells, -1), queue{start};
  expected[start] = 0;
  for (size_t i = 0; i < queue.size(); i++)
    for (int side : {-1, 1, -kWidth, kWidth})
      if (int cell = queue[i] + side; !maze[cell] && expected[cell] < 0) expected[cell] = expected[queue[i]] + 1, queue.push_back(cell);

  std::vector<int> unknown(kCells, -1);
  unknown[start] = 0;
  Buffer<unsigned char> walls(maze);
  Buffer<int> distance(unknown), frontier(std::vector<int>{start}), first(kCells), second(kCells), size(1);
  CHECK(cudaMemcpy(first, frontier, sizeof(int), cudaMemcpyDeviceToDevice));
  int *from = first, *to = second, level = 0, widest = 0;
  for (int count = 1; count; std::swap(from, to)) {
    CHECK(cudaMemsetAsync(size, 0, sizeof(int)));
    step<<<(count + 63) / 64, 64>>>(walls, from, count, to, size, distance, ++level);
    count = size.host()[0];
    widest = std::max(widest, count);
  }
  std::vector<int> found = distance.host();
  show::field("maze", kWidth, kHeight, found.data(), -1, found[goal]);
  char line[120];
  snprintf(line, sizeof line, "the goal is %d steps away, the widest frontier had %d cells, %zu cells reached", found[goal], widest, queue.size());
  return verdict(found == expected && found[goal] > 100, line);
}
