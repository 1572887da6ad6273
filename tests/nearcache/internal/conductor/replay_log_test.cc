#include "nearcache/internal/conductor/replay_log.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nearcache::internal::conductor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

OperationId Id(uint64_t counter) { return {7, counter}; }

ReplayLogOptions Options(size_t entries_max = 100, size_t bytes_max = 100'000) {
  ReplayLogOptions options;
  options.window_nanos = 1000;
  options.entries_max = entries_max;
  options.bytes_max = bytes_max;
  return options;
}

std::vector<std::string> KeysOf(const std::vector<ReplayLog::Entry>& entries) {
  std::vector<std::string> keys;
  for (const ReplayLog::Entry& entry : entries) keys.push_back(absl::StrCat(entry.key, "=", entry.stores.counter));
  return keys;
}

TEST(ReplayLogTest, GivesTheLastChangeOfEachKeyTheNewestFirst) {
  ReplayLog log(Options());
  log.Note("a", Id(1), 0);
  log.Note("b", Id(2), 1);
  log.Note("a", OperationId(), 2);
  EXPECT_THAT(KeysOf(log.Newest(2)), ElementsAre("a=0", "b=2"));
}

TEST(ReplayLogTest, ForgetsWhatIsOlderThanTheWindow) {
  ReplayLog log(Options());
  log.Note("a", Id(1), 0);
  log.Note("b", Id(2), 500);
  EXPECT_THAT(KeysOf(log.Newest(1000)), ElementsAre("b=2", "a=1"));
  EXPECT_THAT(KeysOf(log.Newest(1001)), ElementsAre("b=2"));
  log.Note("c", Id(3), 5000);
  EXPECT_EQ(log.GetStats().entries, 1u) << "memory comes back while writing goes on";
  EXPECT_EQ(log.GetStats().dropped, 0u) << "and that is no loss";
}

TEST(ReplayLogTest, NeverHoldsMoreThanItsLimits) {
  ReplayLog few(Options(/*entries_max=*/3));
  for (uint64_t i = 0; i < 10; ++i) few.Note(absl::StrCat("key", i), Id(i + 1), 0);
  EXPECT_THAT(KeysOf(few.Newest(0)), ElementsAre("key9=10", "key8=9", "key7=8"));
  EXPECT_EQ(few.GetStats().dropped, 7u);
  ReplayLog small(Options(100, /*bytes_max=*/1000));
  for (uint64_t i = 0; i < 10; ++i) small.Note(std::string(300, static_cast<char>('a' + i)), Id(i + 1), 0);
  EXPECT_LE(small.GetStats().bytes, 1000u);
  EXPECT_GE(small.GetStats().entries, 2u);
  small.Note(std::string(2000, 'x'), Id(11), 0);
  EXPECT_THAT(small.Newest(0), IsEmpty());
  EXPECT_EQ(small.GetStats().bytes, 0u);
}

TEST(ReplayLogTest, AClearTakesThePlaceOfAllBeforeIt) {
  ReplayLog log(Options());
  log.Note("a", Id(1), 0);
  log.NoteClear(Id(2), 1);
  log.Note("b", Id(3), 2);
  EXPECT_THAT(KeysOf(log.Newest(2)), ElementsAre("b=3", "=2"));
  EXPECT_EQ(log.GetStats().dropped, 0u);
}

}  // namespace
}  // namespace nearcache::internal::conductor
