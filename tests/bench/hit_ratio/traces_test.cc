// Where traces come from: files, sound and broken, and generators.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bench/hit_ratio/generators.h"
#include "bench/hit_ratio/trace.h"
#include "bench/hit_ratio/trace_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nearcache::hit_ratio {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;

std::string WriteTestFile(const std::string& name, const std::string& bytes) {
  std::string path = testing::TempDir() + "/" + name;
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

const std::string& FourRequests() {
  static const std::string bytes("\x01\x00\x00\x00\x00\x00\x00\x80\x00\x01\x00\x00\x01\x00\x00\x00", 16);
  return bytes;
}

void ExpectBroken(absl::string_view path, absl::string_view bytes, const std::string& reason) {
  const absl::StatusOr<Trace> trace = ParseTrace(path, bytes);
  EXPECT_EQ(trace.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(trace.status().message()), HasSubstr(reason));
}

TEST(TraceFileTest, NumbersBecomeDense) {
  const absl::StatusOr<Trace> trace = ReadTrace(WriteTestFile("numbers.u32", FourRequests()));
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_EQ(trace->name, "numbers");
  EXPECT_TRUE(trace->recorded);
  EXPECT_FALSE(trace->sizes_given);
  EXPECT_THAT(trace->requests, ElementsAre(0, 1, 2, 0));
  EXPECT_EQ(trace->key_count(), 3u);
  EXPECT_THAT(trace->sizes, Each(AllOf(Ge(32u), Le(262144u))));
}

TEST(TraceFileTest, CompressedIsUnpacked) {
  if (std::system("xz --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "xz is not installed";
  const std::string path = WriteTestFile("it's packed.u32", FourRequests());
  ASSERT_EQ(std::system(("xz --force \"" + path + "\"").c_str()), 0);
  const absl::StatusOr<Trace> trace = ReadTrace(path + ".xz");
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_THAT(trace->requests, ElementsAre(0, 1, 2, 0));
}

TEST(TraceFileTest, LinesWithSizes) {
  const absl::StatusOr<Trace> trace =
      ParseTrace("folder/shop.txt", "# key size\nuser:1 100\r\n\nuser:2\t3\nuser:1,999\n");
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_EQ(trace->name, "shop");
  EXPECT_TRUE(trace->sizes_given);
  EXPECT_THAT(trace->requests, ElementsAre(0, 1, 0));
  // The first size of a key counts, and a key has eight bytes.
  EXPECT_THAT(trace->sizes, ElementsAre(100, 8));
}

TEST(TraceFileTest, LinesWithoutSizes) {
  const absl::StatusOr<Trace> trace = ParseTrace("shop.csv", "b\na\nb");
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_FALSE(trace->sizes_given);
  EXPECT_THAT(trace->requests, ElementsAre(0, 1, 0));
}

TEST(TraceFileTest, BrokenOnesAreNamedWithLineAndReason) {
  ExpectBroken("x.u32", absl::string_view(FourRequests()).substr(0, 10), "x.u32: 10 bytes are no whole number of keys");
  ExpectBroken("x.u32", absl::string_view(FourRequests()).substr(0, 10), "2 are left after request 2");
  ExpectBroken("x.u32", "", "x.u32: no request in it");
  ExpectBroken("x.txt", "# nothing\n\n", "x.txt: no request in it");
  ExpectBroken("x.txt", "a 1\nb two\n", "x.txt:2: size 'two' is no number between 1 and 1073741824");
  ExpectBroken("x.txt", "a 0\n", "x.txt:1: size '0'");
  ExpectBroken("x.txt", "a -5\n", "x.txt:1: size '-5'");
  ExpectBroken("x.txt", "a 1073741825\n", "x.txt:1: size '1073741825'");
  ExpectBroken("x.txt", "# comment\na 1\nb\n", "x.txt:3: no size, but the first request has one");
  ExpectBroken("x.txt", "a\nb 7\n", "x.txt:2: a size, but the first request has none");
  ExpectBroken("x.csv", "a,1,GET\n", "x.csv:1: 3 fields");
  ExpectBroken("x.bin", "abc", "x.bin: its name must end in .u32, .txt or .csv");
}

TEST(TraceFileTest, MissingAndUnpackableAreTold) {
  const absl::StatusOr<Trace> missing = ReadTrace(testing::TempDir() + "/absent.u32.xz");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("absent.u32.xz"));
  const absl::StatusOr<Trace> broken = ReadTrace(WriteTestFile("broken.u32.xz", "this was never packed"));
  EXPECT_EQ(broken.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(broken.status().message()), HasSubstr("broken.u32.xz: xz cannot unpack it"));
}

Trace Made(const std::string& name, uint64_t seed = 1) {
  GeneratorOptions options;
  options.keys = 1000;
  options.requests = 50'000;
  options.seed = seed;
  absl::StatusOr<Trace> trace = Generate(name, options);
  EXPECT_TRUE(trace.ok()) << trace.status();
  return *std::move(trace);
}

std::vector<uint32_t> Counts(const Trace& trace, size_t begin, size_t end) {
  std::vector<uint32_t> counts(trace.key_count());
  for (size_t i = begin; i < end; ++i) ++counts[trace.requests[i]];
  return counts;
}

size_t MostPopular(const std::vector<uint32_t>& counts) {
  return static_cast<size_t>(std::max_element(counts.begin(), counts.end()) - counts.begin());
}

TEST(GeneratorTest, SameSeedSameTraceAndOtherSeedAnother) {
  for (const std::string& name : GeneratorNames()) {
    EXPECT_EQ(Made(name).requests, Made(name).requests) << name;
    EXPECT_EQ(Made(name).sizes, Made(name).sizes) << name;
    if (name != "loop") {
      EXPECT_NE(Made(name, 1).requests, Made(name, 2).requests) << name;
    }
    EXPECT_FALSE(Made(name).recorded);
    EXPECT_THAT(Counts(Made(name), 0, Made(name).requests.size()), Each(Ge(1u))) << "a number of no key in " << name;
  }
}

TEST(GeneratorTest, UnknownNameIsToldTheKnownOnes) {
  EXPECT_THAT(std::string(Generate("sine", GeneratorOptions()).status().message()),
              HasSubstr("'sine'; there are zipf, scan, loop, drift"));
}

TEST(GeneratorTest, ZipfIsAsSteepAsAskedFor) {
  std::vector<uint32_t> counts = Counts(Made("zipf"), 0, 50'000);
  std::sort(counts.rbegin(), counts.rend());
  // 1 / (sum of k^-0.99 for k up to 1000) = 0.130 for the first; a tenth of that, nearly, for the tenth.
  EXPECT_NEAR(counts[0], 0.130 * 50'000, 400);
  EXPECT_NEAR(counts[9], 0.0133 * 50'000, 120);
}

TEST(GeneratorTest, ScanAsksForRowsOfKeysOnce) {
  const Trace trace = Made("scan");
  // Twenty scans of a hundred keys.
  ASSERT_EQ(trace.requests.size(), 52'000u);
  const std::vector<uint32_t> counts = Counts(trace, 0, trace.requests.size());
  const std::vector<uint32_t> first_scan(trace.requests.begin() + 2500, trace.requests.begin() + 2600);
  EXPECT_EQ(std::set<uint32_t>(first_scan.begin(), first_scan.end()).size(), 100u);
  for (const uint32_t key : first_scan) EXPECT_EQ(counts[key], 1u);
  EXPECT_GE(std::count(counts.begin(), counts.end(), 1u), 2000);
}

TEST(GeneratorTest, LoopAsksForAllInTurn) {
  const Trace trace = Made("loop");
  EXPECT_EQ(trace.key_count(), 1000u);
  for (size_t i = 0; i < trace.requests.size(); ++i) ASSERT_EQ(trace.requests[i], i % 1000);
}

TEST(GeneratorTest, DriftForgetsWhatWasPopular) {
  const Trace trace = Made("drift");
  const std::vector<uint32_t> at_first = Counts(trace, 0, 2500);
  const std::vector<uint32_t> at_last = Counts(trace, 47'500, 50'000);
  EXPECT_EQ(at_first[MostPopular(at_last)], 0u);
  EXPECT_LT(at_last[MostPopular(at_first)], at_first[MostPopular(at_first)] / 10);
}

}  // namespace
}  // namespace nearcache::hit_ratio
