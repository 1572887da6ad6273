#include "bench/remote_peers/goals.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "bench/remote_peers/registry.h"
#include "bench/remote_peers/scenes.h"
#include "bench/remote_peers/usage.h"
#include "bench/support/spread.h"

namespace nearcache::remote_peers {
namespace {

using bench::AtLeast;
using bench::AtMost;
using bench::Range;
using bench::Verdict;

// Of Boost.Redis' two settings, whichever is better in the scene: it is the harder one to beat.
constexpr char kBestBoost[] = "boost-redis-best";

struct ColumnName {
  Column column;
  const char* name;
};

constexpr ColumnName kThroughput = {&Figures::per_second, "throughput"};
constexpr ColumnName kClientCpu = {&Figures::client_cpu_micros, "client-cpu"};
constexpr ColumnName kServerCpu = {&Figures::server_cpu_micros, "server-cpu"};
constexpr ColumnName kP50 = {&Figures::p50_micros, "p50"};
constexpr ColumnName kP99 = {&Figures::p99_micros, "p99"};

struct RatioGoal {
  const char* id;
  const char* mode;
  const char* detail;
  ColumnName column;
  const char* peer;
  double limit;
};

// Throughput should be at least the limit, everything else at most.
constexpr RatioGoal kGoals[] = {
    {"G1", kBlockingMode, "n=64", kThroughput, kPool, 2.5},
    {"G2", kBlockingMode, "n=64", kThroughput, kBestBoost, 1.6},
    {"G3", kBlockingMode, "n=64", kClientCpu, kPool, 0.40},
    {"G3", kBlockingMode, "n=64", kClientCpu, kBestBoost, 0.55},
    {"G3", kBlockingMode, "n=64", kClientCpu, kLoop, 0.80},
    {"G4", kBlockingMode, "n=64", kP99, kPool, 0.35},
    {"G5", kCallbackMode, "n=256", kClientCpu, kLoop, 0.75},
    {"G5", kCallbackMode, "n=256", kClientCpu, kBoost64, 0.50},
    {"G6", kForeignMode, "n=64", kThroughput, kLoop, 1.1},
    {"G6", kForeignMode, "n=64", kThroughput, kBestBoost, 1.4},
    {"G7", kBlockingMode, "n=1", kP50, kPool, 1.10},
    {"G7", kBlockingMode, "n=1", kP50, kBestBoost, 0.85},
    {"G8", kUnpinnedMode, "n=1", kP50, kOwn, 1.35},
    {"G9", kLagMode, "10000/s", kP99, kRaw, 1.3},
    {"G10", kFloodMode, "64-deep", kThroughput, kRaw, 0.95},
    {"G10", kFloodMode, "64-deep", kClientCpu, kRaw, 1.0},
    {"G11", kWriteMode, "n=16 subscribers=1", kServerCpu, kPlain, 1.0},
    {"G11", kWriteMode, "n=64 subscribers=1", kServerCpu, kPlain, 0.85},
    {"G11", kWriteMode, "n=16 subscribers=10", kServerCpu, kPlain, 1.25},
    {"G11", kWriteMode, "n=64 subscribers=10", kServerCpu, kPlain, 0.7},
};

struct PlainGoal {
  const char* id;
  const char* detail;
  Column column;
  const char* what;
  double limit;
};

// Of a blocking GET. The one allocation is the block of the Value, which is the caller's; a hundredth is for what the
// first calls of the measured time may still take.
constexpr PlainGoal kPlainGoals[] = {
    {"switches-1", "n=1", &Figures::switches, "context switches per GET", 2.0},
    {"switches-64", "n=64", &Figures::switches, "context switches per GET", 1.5},
    {"allocations-1", "n=1", &Figures::allocations, "allocations per GET, the caller's Value included", 1.01},
};

bool LargerIsBetter(const ColumnName& column) { return column.column == &Figures::per_second; }

// kBestBoost becomes a name.
std::string Resolve(const Results& results, const RatioGoal& goal, const Scene& scene) {
  if (goal.peer != std::string(kBestBoost)) return goal.peer;
  const double small = results.Of(scene, kBoost, goal.column.column).median;
  const double large = results.Of(scene, kBoost64, goal.column.column).median;
  return (large > small) == LargerIsBetter(goal.column) ? kBoost64 : kBoost;
}

void JudgeRatio(const Results& results, const RatioGoal& goal, bool floor, std::vector<Verdict>* verdicts) {
  const Scene scene{goal.mode, goal.detail};
  const std::string peer = Resolve(results, goal, scene);
  const bench::Spread ratio = results.Ratio(scene, kEngine, peer, goal.column.column);
  if (ratio.count == 0) return;
  Verdict verdict;
  const Range limit = LargerIsBetter(goal.column) ? AtLeast(goal.limit) : AtMost(goal.limit);
  verdict.goal = {goal.id, peer, absl::StrCat(scene.ToString(), " ", goal.column.name), limit, {}};
  if (floor) verdict.goal.floor = limit;
  verdict.value = ratio.median;
  verdict.low = ratio.low;
  verdict.high = ratio.high;
  verdicts->push_back(verdict);
}

// Against the hand-written loop everywhere, and for callers that block against the pool.
void JudgeFloor(const Results& results, std::vector<Verdict>* verdicts) {
  for (const char* mode : {kBlockingMode, kCallbackMode, kForeignMode}) {
    for (const int n : {1, 4, 16, 64, 256}) {
      const std::string detail = absl::StrCat("n=", n);
      const bool few = n <= 4;
      JudgeRatio(results, {"floor", mode, detail.c_str(), kThroughput, kLoop, few ? 0.90 : 0.95}, true, verdicts);
      JudgeRatio(results, {"floor", mode, detail.c_str(), kClientCpu, kLoop, few ? 1.15 : 1.0}, true, verdicts);
    }
  }
  JudgeRatio(results, {"floor", kBlockingMode, "n=4", kThroughput, kPool, 0.9}, true, verdicts);
  for (const char* detail : {"n=16", "n=64", "n=256"}) {
    JudgeRatio(results, {"floor", kBlockingMode, detail, kThroughput, kPool, 1.0}, true, verdicts);
  }
}

void JudgeLoss(const Results& results, std::vector<Verdict>* verdicts) {
  for (const auto& [scene, contenders] : results.all()) {
    const auto ours = contenders.find(kEngine);
    if ((scene.mode != kLagMode && scene.mode != kFloodMode) || ours == contenders.end()) continue;
    uint64_t lost = 0;
    for (const Figures& figures : ours->second) lost += figures.wrong;
    Verdict verdict;
    const char* const id = scene.mode == kLagMode ? "G9" : "G10";
    verdict.goal = {id, "none-lost", absl::StrCat(scene.ToString(), " messages lost"), AtMost(0), AtMost(0)};
    verdict.value = static_cast<double>(lost);
    verdicts->push_back(verdict);
  }
}

}  // namespace

std::vector<Verdict> Judge(const Results& results) {
  std::vector<Verdict> verdicts;
  for (const RatioGoal& goal : kGoals) JudgeRatio(results, goal, /*floor=*/false, &verdicts);
  JudgeLoss(results, &verdicts);
  for (const PlainGoal& goal : kPlainGoals) {
    const bench::Spread spread = results.Of({kBlockingMode, goal.detail}, kEngine, goal.column);
    if (spread.count == 0 || (goal.column == &Figures::allocations && !CountsAllocations())) continue;
    Verdict verdict;
    verdict.goal = {goal.id, "limit", absl::StrCat("bt ", goal.detail, " ", goal.what), AtMost(goal.limit), {}};
    verdict.value = spread.median;
    verdict.low = spread.low;
    verdict.high = spread.high;
    verdicts.push_back(verdict);
  }
  JudgeFloor(results, &verdicts);
  return verdicts;
}

}  // namespace nearcache::remote_peers
