#include "bench/remote_soak/footprint.h"

#include <unistd.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "bench/support/goals.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nearcache::remote_soak {
namespace {

using ::testing::ElementsAre;

std::vector<bool> Verdicts(const Footprint& first, const Footprint& last) {
  std::vector<bool> oks;
  for (const bench::Verdict& verdict : Compare(first, last)) oks.push_back(verdict.ok());
  return oks;
}

TEST(FootprintTest, NothingKeptIsWithinTheLimits) {
  const Footprint first = SettledFootprint();
  EXPECT_THAT(Verdicts(first, SettledFootprint()), ElementsAre(true, true, true));
}

TEST(FootprintTest, SeesMemoryThatIsKept) {
  const Footprint first = SettledFootprint();
  std::vector<std::unique_ptr<char[]>> kept;
  for (int i = 0; i < 2048; ++i) kept.push_back(std::make_unique<char[]>(512));
  const Footprint last = SettledFootprint();
  EXPECT_GE(last.allocated_bytes - first.allocated_bytes, 2048 * 512);
  EXPECT_THAT(Verdicts(first, last), ElementsAre(false, true, true));
}

TEST(FootprintTest, SeesADescriptorAndAThread) {
  const Footprint first = SettledFootprint();
  const int descriptor = dup(STDERR_FILENO);
  std::mutex mutex;
  std::condition_variable end;
  bool ended = false;
  std::thread thread([&] {
    std::unique_lock<std::mutex> lock(mutex);
    end.wait(lock, [&] { return ended; });
  });
  const Footprint last = SettledFootprint();
  EXPECT_EQ(last.descriptors - first.descriptors, 1);
  EXPECT_EQ(last.threads - first.threads, 1);
  EXPECT_THAT(Verdicts(first, last), ElementsAre(true, false, false));
  {
    const std::lock_guard<std::mutex> lock(mutex);
    ended = true;
  }
  end.notify_one();
  thread.join();
  close(descriptor);
}

}  // namespace
}  // namespace nearcache::remote_soak
