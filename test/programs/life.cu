// Conway's game of life on a torus, 32 cells to a word: a thread adds up the neighbours of all its cells at once by bitwise full adders.
#include "buffer.h"
#include "show.h"

const int kWords = 8, kWidth = kWords * 32, kHeight = 128, kGenerations = 100;

__global__ void generation(const unsigned* in, unsigned* out) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= kWords || y >= kHeight) return;
  unsigned ones = 0, twos = 0, fours = 0, own = 0;  // the number of neighbours of each cell, bit by bit, from 4 on it stays 4 or more
  for (int dy = -1; dy <= 1; dy++) {
    const unsigned* row = in + (y + dy + kHeight) % kHeight * kWords;
    unsigned here = row[x], left = __funnelshift_l(row[(x + kWords - 1) % kWords], here, 1), right = __funnelshift_r(here, row[(x + 1) % kWords], 1);
    unsigned neighbours[3] = {left, right, dy ? here : 0};
    if (!dy) own = here;
    for (unsigned n : neighbours) {
      unsigned carry = ones & n, carry2 = twos & carry;
      ones ^= n, twos ^= carry, fours |= carry2;
    }
  }
  out[y * kWords + x] = twos & ~fours & (ones | own);  // three, or two and alive
}

int main() {
  print_device();
  std::vector<unsigned> board(kWords * kHeight);
  auto put = [&](int x, int y, const char* const* rows, int count) {
    for (int j = 0; j < count; j++)
      for (int i = 0; rows[j][i]; i++)
        if (rows[j][i] == '#') board[(y + j) * kWords + (x + i) / 32] |= 1u << (x + i) % 32;
  };
  const char* gun[] = {"........................#...........", "......................#.#...........", "............##......##............##",
                       "...........#...#....##............##", "##........#.....#...##..............", "##........#...#.##....#.#...........",
                       "..........#.....#.......#...........", "...........#...#....................", "............##......................"};
  const char* acorn[] = {".#.....", "...#...", "##..###"};
  put(2, 2, gun, 9), put(180, 80, acorn, 3), put(252, 126, acorn, 2);  // the last one across the edge
  std::vector<unsigned char> cpu(kWidth * kHeight), next(cpu.size());
  for (size_t i = 0; i < cpu.size(); i++) cpu[i] = board[i / 32] >> i % 32 & 1;

  Buffer<unsigned> one(board), two(board.size());
  for (int g = 0; g < kGenerations; g++)
    generation<<<dim3(1, kHeight / 16), dim3(kWords, 16)>>>(g % 2 ? two : one, g % 2 ? one : two);
  board = (kGenerations % 2 ? two : one).host();

  for (int g = 0; g < kGenerations; g++) {
    for (int y = 0; y < kHeight; y++)
      for (int x = 0; x < kWidth; x++) {
        int count = 0;
        for (int i = 0; i < 9; i++)
          if (i != 4) count += cpu[(y + i / 3 - 1 + kHeight) % kHeight * kWidth + (x + i % 3 - 1 + kWidth) % kWidth];
        next[y * kWidth + x] = count == 3 || (count == 2 && cpu[y * kWidth + x]);
      }
    cpu.swap(next);
  }
  int wrong = 0, alive = 0;
  for (size_t i = 0; i < cpu.size(); i++) wrong += (board[i / 32] >> i % 32 & 1) != cpu[i], alive += cpu[i];
  for (int y = 0; y < 36; y++) {
    std::string row;
    for (int x = 0; x < 90; x++) row += cpu[y * kWidth + x] ? '#' : '.';
    show::line("%s", row.c_str());
  }
  char line[80];
  snprintf(line, sizeof line, "%d generations, %d cells alive, %d wrong", kGenerations, alive, wrong);
  return verdict(wrong == 0 && alive > 50, line);
}
