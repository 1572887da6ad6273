#include "bench/local_peers/timing_goals.h"

#include <string>

#include "bench/local_peers/loads.h"
#include "bench/support/histogram.h"
#include "bench/support/spread.h"

namespace nearcache::local_peers {
namespace {

struct TimingGoal {
  const char* id;
  const char* load;
  const char* activity;
  const char* peer;
  double limit;
  double floor;
};

constexpr char kAll[] = "all";
constexpr char kTiny[] = "tiny";
constexpr char kHot[] = "hot";

constexpr TimingGoal kGoals[] = {
    {"L1", kAll, "visit-1t", kRocksLru, 0.40, 0.65},   {"L1", kAll, "visit-1t", kRocksClock, 0.42, 0.70},
    {"L2", kAll, "visit-1t", kLevelDb, 0.42, 0.70},    {"L2", kAll, "visit-1t", kShardedAbsl, 0.45, 0.75},
    {"L2", kAll, "visit-1t", kOneMutex, 0.30, 0.50},   {"L3", kAll, "visit-1t", kBoostMap, 0.70, 1.00},
    {"L4", kAll, "visit-2t", kRocksLru, 0.22, 0.45},   {"L4", kAll, "visit-2t", kRocksClock, 0.45, 0.85},
    {"L4", kAll, "visit-2t", kLevelDb, 0.20, 0.40},    {"L5", kAll, "visit-2t", kShardedAbsl, 0.38, 0.75},
    {"L7", kTiny, "visit-1t", kParts, 1.1, 1.8},       {"L8", kTiny, "visit-2t", kRocksClock, 0.35, 0.80},
    {"L9", kHot, "visit-2t", kRocksClock, 0.20, 0.40}, {"L11", kHot, "hold-2t", kRocksClock, 0.80, 1.15},
};

constexpr TimingGoal kFillGoals[] = {
    {"L12", kAll, kFill, kRocksLru, 0.50, 0.75},
    {"L12", kAll, kFill, kShardedAbsl, 0.62, 0.90},
};

bench::Verdict MakeVerdict(const char* id, const std::string& against, const std::string& what, double limit,
                           double floor, const bench::Spread& ratio) {
  bench::Verdict verdict;
  verdict.goal = {id, against, what, bench::AtMost(limit), bench::AtMost(floor)};
  verdict.value = ratio.median;
  verdict.low = ratio.low;
  verdict.high = ratio.high;
  return verdict;
}

std::string What(const char* load, const char* activity) { return std::string(load) + " " + activity; }

// L6: against whichever evicting peer is best at it.
void JudgeCopies(const Results& results, const std::vector<Entrant>& entrants, const char* activity,
                 std::vector<bench::Verdict>* verdicts) {
  const std::string* best = nullptr;
  double best_nanos = 0;
  for (const Entrant& entrant : entrants) {
    if (!entrant.evicts || entrant.parts || entrant.name == kTier || entrant.name == kCache) continue;
    const bench::Spread nanos = results.Nanos({kAll, activity, entrant.name});
    if (nanos.count == 0 || (best != nullptr && nanos.median >= best_nanos)) continue;
    best = &entrant.name;
    best_nanos = nanos.median;
  }
  if (best == nullptr) return;
  const bench::Spread ratio = results.Ratio({kAll, activity, kTier}, {kAll, activity, *best});
  if (ratio.count > 0) verdicts->push_back(MakeVerdict("L6", *best, What(kAll, activity), 0.55, 0.90, ratio));
}

// L18: the 99.9th percentiles of all rounds together.
void JudgeTail(const Results& results, std::vector<bench::Verdict>* verdicts) {
  constexpr char kActivity[] = "timed-2t-w5";
  const Series* const ours = results.Find({kAll, kActivity, kTier});
  const Series* const theirs = results.Find({kAll, kActivity, kRocksLru});
  if (ours == nullptr || theirs == nullptr || theirs->latency_ticks.count() == 0) return;
  bench::Spread ratio;
  ratio.median = static_cast<double>(ours->latency_ticks.Percentile(0.999)) /
                 static_cast<double>(theirs->latency_ticks.Percentile(0.999));
  verdicts->push_back(MakeVerdict("L18", kRocksLru, "all timed-2t-w5 p99.9", 0.05, 0.25, ratio));
}

void JudgeHotKey(const Results& results, std::vector<bench::Verdict>* verdicts) {
  const bench::Spread ratio = results.Ratio({kHot, "visit-2t", kTier}, {kHot, "visit-1t", kTier});
  if (ratio.count > 0) verdicts->push_back(MakeVerdict("L10", "one-thread", "hot visit-2t", 1.4, 2.0, ratio));
}

}  // namespace

std::vector<bench::Verdict> JudgeTimes(const Results& results, const std::vector<Entrant>& entrants) {
  std::vector<bench::Verdict> verdicts;
  for (const TimingGoal& goal : kGoals) {
    const bench::Spread ratio = results.Ratio({goal.load, goal.activity, kTier}, {goal.load, goal.activity, goal.peer});
    if (ratio.count == 0) continue;
    verdicts.push_back(MakeVerdict(goal.id, goal.peer, What(goal.load, goal.activity), goal.limit, goal.floor, ratio));
  }
  for (const TimingGoal& goal : kFillGoals) {
    const bench::Spread ratio =
        results.RatioOfSums({goal.load, goal.activity, kTier}, {goal.load, goal.activity, goal.peer});
    if (ratio.count == 0) continue;
    verdicts.push_back(MakeVerdict(goal.id, goal.peer, What(goal.load, goal.activity), goal.limit, goal.floor, ratio));
  }
  JudgeCopies(results, entrants, "copy-1t", &verdicts);
  JudgeCopies(results, entrants, "copy-2t", &verdicts);
  JudgeHotKey(results, &verdicts);
  JudgeTail(results, &verdicts);
  return verdicts;
}

}  // namespace nearcache::local_peers
