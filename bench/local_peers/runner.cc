#include "bench/local_peers/runner.h"

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/local_peers/candidate.h"
#include "bench/support/backed_memory.h"
#include "bench/support/clock.h"
#include "bench/support/corpus.h"
#include "bench/support/histogram.h"
#include "bench/support/random.h"
#include "bench/support/request_stream.h"
#include "bench/support/spread.h"
#include "bench/support/threads.h"

namespace nearcache::local_peers {
namespace {

constexpr size_t kStreamLength = size_t{1} << 20;
constexpr uint32_t kFillSlices = 10;
// What a peer adds to key and value, at most: for the estimate of memory.
constexpr double kOverheadBytes = 260;

int64_t Preemptions() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

struct Contestant {
  std::string name;
  std::unique_ptr<Candidate> candidate;
  std::vector<bench::RequestStream::Cursor> cursors;  // One per thread.
};

// What one thread measured of a slice.
struct ThreadSlice {
  SliceCounts counts;
  int64_t cpu_nanos = 0;
  int64_t wall_nanos = 0;
  int64_t preemptions = 0;
  bench::HistogramSnapshot ticks;
};

class LoadRun {
 public:
  LoadRun(const Load& load, const RunOptions& options, Results* results)
      : load_(load), options_(options), results_(results), corpus_(load.shape), random_(options.seed) {
    int threads = 1;
    for (const Activity& activity : load.activities) threads = std::max(threads, activity.threads);
    const size_t length = std::min(kStreamLength, size_t{load.key_count} * 64);
    for (int i = 0; i < threads; ++i) {
      streams_.push_back(std::make_unique<bench::RequestStream>(corpus_, load.key_count, load.zipf_exponent, length,
                                                                options.seed * 100 + static_cast<uint64_t>(i)));
    }
  }

  size_t BytesPerCandidate() const { return Bytes(load_.entries > 0 ? load_.entries : load_.key_count); }

  void RunGroup(int group, const std::vector<Entrant>& entrants) {
    group_ = group;
    entrants_ = entrants;
    contestants_.clear();
    const Room room{&corpus_, load_.key_count, load_.entries, 0};
    for (const Entrant& entrant : entrants) {
      Contestant contestant{entrant.name, entrant.make(room), {}};
      for (const auto& stream : streams_) contestant.cursors.emplace_back(*stream);
      contestants_.push_back(std::move(contestant));
    }
    Fill();
    for (const Activity& activity : load_.activities) RunActivity(activity);
    contestants_.clear();
    // What malloc kept would spare the next group's candidates the page faults that ours has again.
    malloc_trim(0);
  }

 private:
  size_t Bytes(uint32_t entries) const {
    return static_cast<size_t>(entries * (corpus_.MeanPayload() + kOverheadBytes));
  }

  // Every key once, so that each slice below finds what fits. Where not all fits, one pass over the streams brings the
  // policies into their stride.
  void Fill() {
    const uint32_t slice = std::max(load_.key_count / kFillSlices, 1u);
    int round = 0;
    for (uint32_t first = 0; first < load_.key_count; first += slice, ++round) {
      const uint32_t count = std::min(slice, load_.key_count - first);
      for (const size_t i : bench::ShuffledOrder(contestants_.size(), &random_)) {
        // Twice what it adds: tables double.
        if (load_.entries == 0) bench::BackMemory(2 * Bytes(count));
        const int64_t cpu = bench::ThreadCpuNanos();
        const int64_t preemptions = Preemptions();
        contestants_[i].candidate->Fill(first, count);
        Sample sample{group_, round};
        sample.cpu_nanos = static_cast<double>(bench::ThreadCpuNanos() - cpu) / count;
        sample.wall_nanos = sample.cpu_nanos;
        sample.preemptions = Preemptions() - preemptions;
        if (load_.entries == 0) results_->At({load_.name, kFill, contestants_[i].name}).samples.push_back(sample);
      }
    }
    if (load_.entries == 0) return;
    for (Contestant& contestant : contestants_) {
      Task task;
      task.set_on_miss = true;
      bench::RequestStream::Cursor cursor = contestant.cursors[0];
      contestant.candidate->Run(task, &cursor, static_cast<uint32_t>(streams_[0]->length()));
    }
  }

  void RunActivity(const Activity& activity) {
    const int rounds = activity.timed ? options_.timed_rounds : options_.rounds;
    // Round -1 warms up.
    for (int round = -1; round < rounds; ++round) {
      for (const size_t i : bench::ShuffledOrder(contestants_.size(), &random_)) {
        if (TakesPart(entrants_[i], activity)) RunSlice(activity, round, &contestants_[i]);
      }
    }
  }

  void RunSlice(const Activity& activity, int round, Contestant* contestant) {
    contestant->candidate->Tend();
    std::vector<ThreadSlice> slices(static_cast<size_t>(activity.threads));
    bench::RunTogether(activity.threads, [&](int thread) {
      const auto index = static_cast<size_t>(thread);
      slices[index] = RunThread(activity, contestant->candidate.get(), &contestant->cursors[index]);
    });
    if (round < 0) return;
    Series& series = results_->At({load_.name, activity.name, contestant->name});
    series.threads = activity.threads;
    Sample sample{group_, round};
    SliceCounts sum;
    for (const ThreadSlice& slice : slices) {
      sample.cpu_nanos += static_cast<double>(slice.cpu_nanos);
      sample.wall_nanos += static_cast<double>(slice.wall_nanos);
      sample.preemptions += slice.preemptions;
      sum.reads += slice.counts.reads;
      sum.hits += slice.counts.hits;
      if (activity.timed) series.latency_ticks.Add(slice.ticks);
    }
    const double operations = static_cast<double>(activity.threads) * load_.slice_operations;
    sample.cpu_nanos /= operations;
    sample.wall_nanos /= operations;
    sample.hit_ratio = static_cast<double>(sum.hits) / static_cast<double>(std::max<uint64_t>(sum.reads, 1));
    series.samples.push_back(sample);
  }

  ThreadSlice RunThread(const Activity& activity, Candidate* candidate, bench::RequestStream::Cursor* cursor) const {
    ThreadSlice slice;
    const int64_t preemptions = Preemptions();
    const int64_t wall = bench::NowNanos();
    const int64_t cpu = bench::ThreadCpuNanos();
    slice.counts = activity.timed ? candidate->RunTimed(activity.task, cursor, load_.slice_operations, &slice.ticks)
                                  : candidate->Run(activity.task, cursor, load_.slice_operations);
    slice.cpu_nanos = bench::ThreadCpuNanos() - cpu;
    slice.wall_nanos = bench::NowNanos() - wall;
    slice.preemptions = Preemptions() - preemptions;
    return slice;
  }

  const Load& load_;
  const RunOptions& options_;
  Results* const results_;
  const bench::Corpus corpus_;
  bench::Random random_;
  std::vector<std::unique_ptr<bench::RequestStream>> streams_;
  int group_ = 0;
  std::vector<Entrant> entrants_;
  std::vector<Contestant> contestants_;
};

// Ours first in each, so that every ratio has both sides in one group.
std::vector<std::vector<Entrant>> Groups(const std::vector<Entrant>& entrants, size_t per_group) {
  std::vector<std::vector<Entrant>> groups;
  for (size_t i = 1; i < entrants.size(); ++i) {
    if (groups.empty() || groups.back().size() >= per_group) groups.push_back({entrants[0]});
    groups.back().push_back(entrants[i]);
  }
  if (groups.empty() && !entrants.empty()) groups.push_back(entrants);
  return groups;
}

}  // namespace

void RunLoad(const Load& load, const std::vector<Entrant>& entrants, const RunOptions& options, Results* results,
             absl::FunctionRef<void(const std::string&)> tell) {
  std::vector<Entrant> taking_part;
  for (const Entrant& entrant : entrants) {
    if (TakesPart(entrant, load)) taking_part.push_back(entrant);
  }
  LoadRun run(load, options, results);
  const size_t per_group = std::max<size_t>(2, options.memory_bytes / std::max<size_t>(run.BytesPerCandidate(), 1));
  int group = 0;
  for (const std::vector<Entrant>& entrants_of_group : Groups(taking_part, per_group)) {
    std::string names;
    for (const Entrant& entrant : entrants_of_group) absl::StrAppend(&names, " ", entrant.name);
    tell(absl::StrCat(load.name, ": ", load.what, ":", names));
    run.RunGroup(group++, entrants_of_group);
  }
}

}  // namespace nearcache::local_peers
