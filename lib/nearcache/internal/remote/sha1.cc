#include "nearcache/internal/remote/sha1.h"

#include <array>
#include <cstdint>

#include "absl/strings/escaping.h"

namespace nearcache::internal::remote {
namespace {

constexpr size_t kBlockSize = 64;
using State = std::array<uint32_t, 5>;

uint32_t RotateLeft(uint32_t word, int bits) { return (word << bits) | (word >> (32 - bits)); }

uint32_t LoadBigEndian32(const char* bytes) {
  uint32_t word = 0;
  for (int i = 0; i < 4; ++i) word = (word << 8) | static_cast<unsigned char>(bytes[i]);
  return word;
}

std::array<uint32_t, 80> Schedule(const char* block) {
  std::array<uint32_t, 80> words;
  for (int i = 0; i < 16; ++i) words[i] = LoadBigEndian32(block + 4 * i);
  for (int i = 16; i < 80; ++i) {
    words[i] = RotateLeft(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
  }
  return words;
}

// The function and the constant of round `i`.
uint32_t Mix(int i, uint32_t b, uint32_t c, uint32_t d) {
  if (i < 20) return ((b & c) | (~b & d)) + 0x5A827999u;
  if (i < 40) return (b ^ c ^ d) + 0x6ED9EBA1u;
  if (i < 60) return ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDCu;
  return (b ^ c ^ d) + 0xCA62C1D6u;
}

void AddBlock(State& state, const char* block) {
  const std::array<uint32_t, 80> words = Schedule(block);
  State s = state;
  for (int i = 0; i < 80; ++i) {
    const uint32_t next = RotateLeft(s[0], 5) + Mix(i, s[1], s[2], s[3]) + s[4] + words[i];
    s = {next, s[0], RotateLeft(s[1], 30), s[2], s[3]};
  }
  for (int i = 0; i < 5; ++i) state[i] += s[i];
}

void AppendBigEndian(std::string& bytes, uint64_t value, int size) {
  for (int i = size - 1; i >= 0; --i) bytes.push_back(static_cast<char>(value >> (8 * i)));
}

}  // namespace

std::string Sha1Hex(absl::string_view text) {
  std::string padded(text);
  padded.push_back('\x80');
  while (padded.size() % kBlockSize != kBlockSize - 8) padded.push_back('\0');
  AppendBigEndian(padded, uint64_t{text.size()} * 8, 8);
  State state = {0x67452301u, 0xEFCDAB89u, 0x98BADCFEu, 0x10325476u, 0xC3D2E1F0u};
  for (size_t at = 0; at < padded.size(); at += kBlockSize) AddBlock(state, padded.data() + at);
  std::string digest;
  for (const uint32_t word : state) AppendBigEndian(digest, word, 4);
  return absl::BytesToHexString(digest);
}

}  // namespace nearcache::internal::remote
