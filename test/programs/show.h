// What a program has to show to a person: pictures, curves, lines of text. All of it does nothing unless TF_SHOW names a folder, as
// script/show sets it: the tests stay quick. Host code only; one thread.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace show {

inline const char* folder() { return getenv("TF_SHOW"); }

// A line of text, as printf.
__attribute__((format(printf, 1, 2))) inline void line(const char* format, ...) {
  if (!folder()) return;
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
}

struct Checksums {  // PNG wants a CRC over each chunk, and zlib an Adler sum over the data
  static uint32_t crc(const std::string& bytes) {
    uint32_t c = ~0u;
    for (unsigned char byte : bytes) {
      c ^= byte;
      for (int bit = 0; bit < 8; bit++) c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
    }
    return ~c;
  }
  static uint32_t adler(const std::string& bytes) {
    uint32_t a = 1, b = 0;
    for (unsigned char byte : bytes) a = (a + byte) % 65521, b = (b + a) % 65521;
    return b << 16 | a;
  }
};

inline std::string big_endian(uint32_t v) { return {char(v >> 24), char(v >> 16), char(v >> 8), char(v)}; }

inline void chunk(FILE* file, const std::string& type_and_data) {
  std::string all = big_endian(uint32_t(type_and_data.size() - 4)) + type_and_data + big_endian(Checksums::crc(type_and_data));
  fwrite(all.data(), 1, all.size(), file);
}

// A picture, $TF_SHOW/NAME.png, from rows of width × 3 bytes, red green blue, the top row first. The first one of a program bears its name.
inline void image(const char* name, int width, int height, const unsigned char* rgb) {
  if (!folder()) return;
  std::string rows, stored = "\x78\x01";  // deflate's blocks as they come, not compressed
  for (int y = 0; y < height; y++) rows += '\0', rows.append(reinterpret_cast<const char*>(rgb) + size_t(y) * width * 3, size_t(width) * 3);
  for (size_t at = 0; at < rows.size(); at += 65535) {
    size_t n = std::min<size_t>(65535, rows.size() - at);
    stored += {char(at + n == rows.size()), char(n), char(n >> 8), char(~n), char(~n >> 8)};
    stored.append(rows, at, n);
  }
  FILE* file = fopen((std::string(folder()) + "/" + name + ".png").c_str(), "wb");
  if (!file) return perror(name);
  fwrite("\x89PNG\r\n\x1a\n", 1, 8, file);
  chunk(file, "IHDR" + big_endian(uint32_t(width)) + big_endian(uint32_t(height)) + std::string("\x08\x02\0\0\0", 5));
  chunk(file, "IDAT" + stored + big_endian(Checksums::adler(rows)));
  chunk(file, "IEND");
  fclose(file);
}

inline void image(const char* name, int width, int height, const std::vector<unsigned char>& rgb) { image(name, width, height, rgb.data()); }

// A picture of numbers: low is dark blue, then violet, orange, and high is light yellow.
template <typename T>
void field(const char* name, int width, int height, const T* values, double low, double high) {
  if (!folder()) return;
  static const double kScale[5][3] = {{8, 8, 48}, {84, 24, 120}, {190, 55, 84}, {249, 142, 30}, {252, 252, 190}};
  std::vector<unsigned char> rgb(size_t(width) * height * 3);
  for (size_t i = 0; i < size_t(width) * height; i++) {
    double x = (double(values[i]) - low) / (high - low);
    x = x > 0 ? std::min(x, 1.0) * 4 : 0;
    int part = std::min(int(x), 3);
    for (int c = 0; c < 3; c++) rgb[i * 3 + c] = (unsigned char)(kScale[part][c] + (x - part) * (kScale[part + 1][c] - kScale[part][c]) + 0.5);
  }
  image(name, width, height, rgb);
}

// A curve or a histogram as text: 64 columns of at most `height` lines; neighbouring values share a column by their mean.
template <typename T>
void plot(const char* title, const T* values, size_t count, int height = 12) {
  if (!folder() || !count) return;
  int columns = int(std::min<size_t>(count, 64));
  std::vector<double> mean(columns);
  for (int c = 0; c < columns; c++) {
    size_t from = count * c / columns, to = count * (c + 1) / columns;
    for (size_t i = from; i < to; i++) mean[c] += double(values[i]) / double(to - from);
  }
  double low = std::min(0.0, *std::min_element(mean.begin(), mean.end())), high = std::max(0.0, *std::max_element(mean.begin(), mean.end()));
  if (high == low) high = low + 1;
  printf("%s\n", title);
  double step = (high - low) / height;
  for (int row = height - 1; row >= 0; row--) {
    double from = low + row * step, middle = from + step / 2;
    printf("%10.4g |", row == height - 1 ? high : from);
    for (double m : mean) putchar((m >= 0 && middle > 0 && m >= middle) || (m < 0 && middle < 0 && m <= middle) ? '#' : fabs(m - middle) <= step / 2 ? '.' : ' ');
    putchar('\n');
  }
  printf("%10s +%s %zu values\n", "", std::string(columns, '-').c_str(), count);
}

template <typename T>
void plot(const char* title, const std::vector<T>& values, int height = 12) { plot(title, values.data(), values.size(), height); }

}  // namespace show
