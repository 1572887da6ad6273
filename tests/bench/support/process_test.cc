// Threads, children and clocks.

#include <atomic>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/support/clock.h"
#include "bench/support/forked.h"
#include "bench/support/threads.h"
#include "bench/support/ticks.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nearcache::bench {
namespace {

using ::testing::HasSubstr;

TEST(RunForkedTest, BringsWhatTheChildReturnsAndChangesNothingHere) {
  int calls = 0;
  const absl::StatusOr<std::string> text = RunForked([&calls] {
    ++calls;
    return std::string(100'000, 'x');
  });
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(text->size(), 100'000u);
  EXPECT_EQ(calls, 0);
}

TEST(RunForkedTest, ChildThatDiesIsToldFromOneThatReturns) {
  const absl::StatusOr<std::string> text = RunForked([]() -> std::string { _Exit(7); });
  EXPECT_THAT(text.status().ToString(), HasSubstr("code 7"));
}

TEST(ResidentBytesTest, CountsWhatIsTouched) {
  const size_t before = ResidentBytes();
  std::vector<char> memory(size_t{64} << 20);
  // Volatile, or an optimizer that sees that nobody reads the bytes leaves the memory untouched.
  volatile char* const bytes = memory.data();
  for (size_t i = 0; i < memory.size(); i += 4096) bytes[i] = 1;
  const size_t grown = ResidentBytes() - before;
  EXPECT_GE(grown, size_t{60} << 20);
  EXPECT_LE(grown, size_t{70} << 20);
}

TEST(RunTogetherTest, EveryThreadRunsOnceAndAllAreWaitedFor) {
  for (const int count : {1, 2, 5}) {
    std::atomic<int> mask{0};
    RunTogether(count, [&mask](int thread) { mask.fetch_add(1 << thread); });
    EXPECT_EQ(mask.load(), (1 << count) - 1);
  }
}

TEST(TicksTest, GoForwardAtTheRateThatWasMeasured) {
  EXPECT_GT(NanosPerTick(), 0);
  const int64_t nanos = NowNanos();
  const int64_t ticks = Ticks();
  while (NowNanos() - nanos < 5 * kNanosPerMilli) {
  }
  EXPECT_GT(static_cast<double>(Ticks() - ticks) * NanosPerTick(), 4.0 * kNanosPerMilli);
}

TEST(ThreadCpuTest, IsNotAheadOfTheClock) {
  const int64_t wall = NowNanos();
  const int64_t cpu = ThreadCpuNanos();
  while (NowNanos() - wall < kNanosPerMilli) {
  }
  EXPECT_LE(ThreadCpuNanos() - cpu, NowNanos() - wall);
}

}  // namespace
}  // namespace nearcache::bench
