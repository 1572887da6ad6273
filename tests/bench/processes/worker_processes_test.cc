// Workers of every fate. This program is their program, too; what one does is written behind its status.

#include "bench/processes/worker_processes.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/processes/shared_mapping.h"
#include "bench/processes/worker_status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nearcache::bench {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

enum Fate : uint32_t { kWaits, kEndsWell, kFails };

struct Cell {
  WorkerStatus status;
  std::atomic<uint32_t> fate;
  std::atomic<uint32_t> starts;
};

constexpr uint32_t kWorkers = 2;

class WorkerProcessesTest : public testing::Test {
 protected:
  WorkerProcessesTest()
      : mapping_(*SharedMapping::Create("test", kWorkers * sizeof(Cell))),
        workers_(mapping_->descriptor(), Statuses()) {}

  Cell& cell(uint32_t worker) const { return mapping_->At<Cell>(0)[worker]; }
  std::vector<WorkerStatus*> Statuses() const { return {&cell(0).status, &cell(1).status}; }
  std::vector<std::string> Problems() {
    std::vector<std::string> problems;
    while (problems.empty()) {
      problems = workers_.TakeProblems();
      absl::SleepFor(absl::Milliseconds(1));
    }
    return problems;
  }
  void AwaitRunning() const {
    while (!workers_.AllAre(WorkerState::kRunning)) absl::SleepFor(absl::Milliseconds(1));
  }

  std::unique_ptr<SharedMapping> mapping_;
  WorkerProcesses workers_;
};

TEST_F(WorkerProcessesTest, KilledOneIsReplacedAndIsNoProblem) {
  ASSERT_TRUE(workers_.StartAll().ok());
  AwaitRunning();
  const pid_t before = workers_.pid(1);
  workers_.Kill(1);
  EXPECT_EQ(workers_.pid(1), 0);
  EXPECT_FALSE(workers_.AllAre(WorkerState::kRunning));
  EXPECT_THAT(workers_.TakeProblems(), IsEmpty());
  ASSERT_TRUE(workers_.Start(1).ok());
  AwaitRunning();
  EXPECT_NE(workers_.pid(1), before);
  EXPECT_EQ(cell(1).starts.load(), 2u);
  EXPECT_EQ(cell(0).starts.load(), 1u);
}

TEST_F(WorkerProcessesTest, OneThatEndsUnaskedIsToldOnceWithItsReason) {
  cell(1).fate.store(kFails);
  ASSERT_TRUE(workers_.StartAll().ok());
  EXPECT_THAT(Problems(), ElementsAre(AllOf(HasSubstr("worker 1 ended by itself: exit code 1"),
                                            HasSubstr("RESOURCE_EXHAUSTED: no more"))));
  EXPECT_THAT(workers_.TakeProblems(), IsEmpty());
}

TEST_F(WorkerProcessesTest, WaitingForTheEndNamesThoseThatDoNotEnd) {
  cell(0).fate.store(kEndsWell);
  ASSERT_TRUE(workers_.StartAll().ok());
  while (cell(1).status.state.load() != WorkerState::kRunning) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_THAT(workers_.WaitForEnd(absl::Seconds(2)), ElementsAre(HasSubstr("worker 1 did not stop within 2s")));
  EXPECT_EQ(cell(1).status.state.load(), WorkerState::kAbsent);
}

TEST_F(WorkerProcessesTest, SignalsReachTheWorker) {
  ASSERT_TRUE(workers_.StartAll().ok());
  AwaitRunning();
  workers_.Signal(0, SIGKILL);
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("worker 0 ended by itself: signal 9")));
  workers_.Signal(0, SIGKILL);  // There is nobody.
}

TEST(WorkerStatusTest, LongReasonIsCut) {
  const auto status = std::make_unique<WorkerStatus>();
  EXPECT_EQ(status->Fail(absl::InternalError(std::string(5000, 'x'))), 1);
  EXPECT_EQ(std::string(status->error).size(), sizeof(status->error) - 1);
  EXPECT_EQ(status->state.load(), WorkerState::kFailed);
}

int BeWorker(uint32_t index, int descriptor) {
  const std::unique_ptr<SharedMapping> mapping = *SharedMapping::Attach(descriptor, sizeof(Cell));
  Cell& cell = mapping->At<Cell>(0)[index];
  cell.starts.fetch_add(1);
  if (cell.fate.load() == kEndsWell) return 0;
  if (cell.fate.load() == kFails) return cell.status.Fail(absl::ResourceExhaustedError("no more"));
  cell.status.state.store(WorkerState::kRunning);
  return pause();
}

}  // namespace
}  // namespace nearcache::bench

int main(int argc, char** argv) {
  int numbers[] = {-1, -1};
  for (int i = 1; i < argc; ++i) {
    absl::string_view flag = argv[i];
    const int which = absl::StartsWith(flag, "--worker=") ? 0 : 1;
    if (absl::ConsumePrefix(&flag, "--worker=") || absl::ConsumePrefix(&flag, "--memory_fd=")) {
      if (!absl::SimpleAtoi(flag, &numbers[which])) return 2;
    }
  }
  if (numbers[0] >= 0) return nearcache::bench::BeWorker(static_cast<uint32_t>(numbers[0]), numbers[1]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
