#include "nearcache/internal/codec/compressor.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace nearcache::internal::codec {
namespace {

std::string Text(size_t size, int variant = 0) {
  std::string text;
  while (text.size() < size) absl::StrAppend(&text, "entry ", text.size() * 31 + variant, "; ");
  text.resize(size);
  return text;
}

CompressorOptions WithThreshold(size_t bytes) {
  CompressorOptions options;
  options.threshold_bytes = bytes;
  return options;
}

TEST(CompressorTest, AppendsWhatDecompressGivesBack) {
  const Compressor compressor{CompressorOptions()};
  for (const size_t size : {1024, 5000, 300000, 2000000}) {
    const std::string raw = Text(size);
    std::string output = "before";
    ASSERT_TRUE(compressor.Compress(raw, &output));
    EXPECT_EQ(output.substr(0, 6), "before");
    std::string back(size, '\0');
    EXPECT_TRUE(compressor.Decompress(absl::string_view(output).substr(6), back.data(), back.size()));
    EXPECT_EQ(back, raw);
  }
}

TEST(CompressorTest, TriesOnlyValuesFromTheThresholdOn) {
  const Compressor compressor(WithThreshold(100));
  std::string output;
  EXPECT_FALSE(compressor.Compress(std::string(99, 'a'), &output));
  EXPECT_TRUE(compressor.Compress(std::string(100, 'a'), &output));
}

TEST(CompressorTest, ThresholdZeroCompressesNothing) {
  const Compressor compressor(WithThreshold(0));
  std::string output;
  EXPECT_FALSE(compressor.Compress(std::string(100000, 'a'), &output));
  EXPECT_TRUE(output.empty());
}

TEST(CompressorTest, LeavesWhatWouldNotShrinkByATenth) {
  const Compressor compressor(WithThreshold(1));
  std::string noise(100000, '\0');
  uint32_t state = 1;
  for (char& byte : noise) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  std::string output = "before";
  EXPECT_FALSE(compressor.Compress(noise, &output));
  EXPECT_EQ(output, "before");
  // 95 % noise saves too little, 80 % noise enough.
  std::string mixed = noise;
  mixed.replace(0, 5000, 5000, 'a');
  EXPECT_FALSE(compressor.Compress(mixed, &output));
  mixed.replace(0, 20000, 20000, 'a');
  EXPECT_TRUE(compressor.Compress(mixed, &output));
}

TEST(CompressorTest, SmallestSizesDoNotShrink) {
  const Compressor compressor(WithThreshold(1));
  std::string output;
  for (size_t size = 1; size < 10; ++size) EXPECT_FALSE(compressor.Compress(std::string(size, 'a'), &output)) << size;
}

TEST(CompressorTest, ManyThreadsShareFewContexts) {
  CompressorOptions options;
  options.contexts_max = 1;
  const Compressor compressor(options);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&compressor, t] {
      for (int i = 0; i < 200; ++i) {
        const std::string raw = Text(1024 + 37 * t + i, t);
        std::string output;
        EXPECT_TRUE(compressor.Compress(raw, &output));
        std::string back(raw.size(), '\0');
        EXPECT_TRUE(compressor.Decompress(output, back.data(), back.size()));
        EXPECT_EQ(back, raw);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace nearcache::internal::codec
