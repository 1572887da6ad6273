#include "bench/tour/shared_memory.h"

#include <unistd.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/processes/judge.h"
#include "bench/processes/session_floor.h"
#include "bench/processes/version_table.h"
#include "bench/tour/read_checker.h"
#include "bench/tour/sampler.h"
#include "gtest/gtest.h"

namespace nearcache::bench::tour {
namespace {

Setup SmallSetup() {
  Setup setup;
  setup.worker_count = 2;
  setup.key_count = 1000;
  setup.bound_nanos = 1000;
  return setup;
}

class SharedMemoryTest : public testing::Test {
 protected:
  void SetUp() override { memory_ = SharedMemory::Create(SmallSetup()).value(); }

  // An acknowledged write, as long ago as the clock allows to say.
  uint32_t Write(uint32_t key) {
    const uint32_t version = memory_->versions().Begin(key, 1);
    memory_->versions().End(key, version, WriteOutcome::kAcknowledged, 1);
    return version;
  }

  std::unique_ptr<SharedMemory> memory_;
};

TEST_F(SharedMemoryTest, SecondMappingSeesTheSameTruth) {
  const uint32_t version = Write(17);
  memory_->mailbox(3).Send(42);
  const auto other = SharedMemory::Attach(dup(memory_->descriptor())).value();
  EXPECT_EQ(other->setup().key_count, 1000u);
  EXPECT_EQ(other->versions().Find(17, version).newest_begun, version);
  std::vector<uint32_t> keys;
  other->mailbox(3).Receive(10, &keys);
  EXPECT_EQ(keys, std::vector<uint32_t>{42});
}

TEST_F(SharedMemoryTest, DescriptorOfSomethingElseIsRefused) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_FALSE(SharedMemory::Attach(ends[0]).ok());
  close(ends[0]);
  close(ends[1]);
}

TEST_F(SharedMemoryTest, MailboxForgetsTheOldestWhenItOverflows) {
  for (uint32_t key = 0; key < 5000; ++key) memory_->mailbox(0).Send(key);
  std::vector<uint32_t> keys;
  memory_->mailbox(0).Receive(10'000, &keys);
  ASSERT_EQ(keys.size(), 4096u);
  EXPECT_EQ(keys.front(), 5000u - 4096u);
  EXPECT_EQ(keys.back(), 4999u);
}

TEST_F(SharedMemoryTest, CheckerCountsAndLogsAViolation) {
  SessionFloor floors(1000);
  ReadChecker checker(memory_.get(), &floors, 1);
  Sampler sampler(memory_.get(), Observer::kSeries);
  const uint32_t old = Write(5);
  Write(5);
  checker.End(checker.Begin(5), {true, 5, old}, kLocalHits);
  checker.End(checker.Begin(5), {true, 5, old + 1}, kRemoteHits);
  checker.End(checker.Begin(5), {true, 6, old + 1}, kLocalHits);
  checker.End(checker.Begin(5), {false, 5, old + 1}, kLocalHits);
  checker.End(checker.Begin(5), {true, 5, old + 1}, kRemoteHits, /*fresh=*/true);
  checker.Flush();
  const Sample sample = sampler.Take(1);
  EXPECT_EQ(sample.total.Reads(), 5u);
  EXPECT_EQ(sample.total.Violations(), 3u);
  EXPECT_EQ(sample.workers[0].Violations(), 0u);
  EXPECT_GT(sample.total.oldest_served, 0);
  const auto& log = memory_->violations();
  EXPECT_EQ(log.counts[static_cast<int>(Finding::kTooOld)].load(), 1u);
  EXPECT_EQ(log.counts[static_cast<int>(Finding::kForeign)].load(), 2u);
  EXPECT_EQ(log.records[static_cast<int>(Finding::kTooOld)][0].version, old);
}

TEST_F(SharedMemoryTest, FloorOfTheProcessIsRaisedByReads) {
  SessionFloor floors(1000);
  ReadChecker checker(memory_.get(), &floors, 0);
  const uint32_t version = memory_->versions().Begin(5, 1);
  checker.End(checker.Begin(5), {true, 5, version}, kLocalHits);
  EXPECT_EQ(checker.Begin(5).floor, version);
}

TEST_F(SharedMemoryTest, SamplerTellsIntervalsNotSums) {
  SessionFloor floors(1000);
  ReadChecker checker(memory_.get(), &floors, 0);
  Sampler sampler(memory_.get(), Observer::kTable);
  checker.Add(kLocalHits, 30);
  checker.Flush();
  EXPECT_EQ(sampler.Take(0.5).total.Reads(), 30u);
  checker.Add(kLocalHits, 20);
  checker.Flush();
  const Sample sample = sampler.Take(1);
  EXPECT_EQ(sample.total.Reads(), 20u);
  EXPECT_DOUBLE_EQ(sample.total.ReadsPerSecond(), 40);
}

}  // namespace
}  // namespace nearcache::bench::tour
