#include "bench/local_peers/results.h"

#include <numeric>

namespace nearcache::local_peers {
namespace {

struct Pairs {
  std::vector<double> ours;
  std::vector<double> theirs;
};

Pairs Match(const Series& ours, const Series& theirs) {
  Pairs pairs;
  for (const Sample& our : ours.samples) {
    for (const Sample& their : theirs.samples) {
      if (our.group != their.group || our.round != their.round) continue;
      pairs.ours.push_back(ours.Nanos(our));
      pairs.theirs.push_back(theirs.Nanos(their));
    }
  }
  return pairs;
}

}  // namespace

const Series* Results::Find(const SeriesKey& key) const {
  const auto found = series_.find(key);
  return found == series_.end() ? nullptr : &found->second;
}

bench::Spread Results::Nanos(const SeriesKey& key) const {
  const Series* const series = Find(key);
  if (series == nullptr) return {};
  std::vector<double> nanos;
  for (const Sample& sample : series->samples) nanos.push_back(series->Nanos(sample));
  return bench::SpreadOf(nanos);
}

bench::Spread Results::Ratio(const SeriesKey& ours, const SeriesKey& theirs) const {
  const Series* const our_series = Find(ours);
  const Series* const their_series = Find(theirs);
  if (our_series == nullptr || their_series == nullptr) return {};
  const Pairs pairs = Match(*our_series, *their_series);
  return bench::PairedRatio(pairs.ours, pairs.theirs);
}

bench::Spread Results::RatioOfSums(const SeriesKey& ours, const SeriesKey& theirs) const {
  bench::Spread spread = Ratio(ours, theirs);
  if (spread.count == 0) return spread;
  const Pairs pairs = Match(*Find(ours), *Find(theirs));
  spread.median = std::accumulate(pairs.ours.begin(), pairs.ours.end(), 0.0) /
                  std::accumulate(pairs.theirs.begin(), pairs.theirs.end(), 0.0);
  return spread;
}

}  // namespace nearcache::local_peers
