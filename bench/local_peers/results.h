// Everything that a run measured, by load, activity and candidate.

#ifndef BENCH_LOCAL_PEERS_RESULTS_H_
#define BENCH_LOCAL_PEERS_RESULTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "bench/support/histogram.h"
#include "bench/support/spread.h"

namespace nearcache::local_peers {

// One slice, or the mean of its threads.
struct Sample {
  // Slices of the same group and round are compared with each other: their candidates were alive together and took
  // turns within a few seconds.
  int group = 0;
  int round = 0;
  double cpu_nanos = 0;   // Per operation.
  double wall_nanos = 0;  // Per operation of one thread.
  double hit_ratio = 0;
  int64_t preemptions = 0;  // Times that a thread was taken off its CPU against its will.
};

struct Series {
  int threads = 1;
  std::vector<Sample> samples;
  bench::HistogramSnapshot latency_ticks;  // Of timed activities.

  // Nanoseconds of CPU with one thread; with more, what one thread waited, so that sleeping on a lock counts.
  double Nanos(const Sample& sample) const { return threads == 1 ? sample.cpu_nanos : sample.wall_nanos; }
};

struct SeriesKey {
  std::string load;
  std::string activity;
  std::string candidate;

  bool operator<(const SeriesKey& other) const {
    return std::tie(load, activity, candidate) < std::tie(other.load, other.activity, other.candidate);
  }
};

class Results {
 public:
  Series& At(const SeriesKey& key) { return series_[key]; }
  // Null if it was not measured.
  const Series* Find(const SeriesKey& key) const;
  const std::map<SeriesKey, Series>& all() const { return series_; }

  // The spread of one candidate's nanoseconds, and of the ratios of two series, slice by slice of the same group and
  // round. Nothing in common: count 0.
  bench::Spread Nanos(const SeriesKey& key) const;
  bench::Spread Ratio(const SeriesKey& ours, const SeriesKey& theirs) const;
  // As Ratio, but its median is the ratio of the sums: for work that is spread unevenly over the slices.
  bench::Spread RatioOfSums(const SeriesKey& ours, const SeriesKey& theirs) const;

 private:
  std::map<SeriesKey, Series> series_;
};

}  // namespace nearcache::local_peers

#endif  // BENCH_LOCAL_PEERS_RESULTS_H_
