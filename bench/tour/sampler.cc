#include "bench/tour/sampler.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "bench/processes/judge.h"
#include "bench/tour/shared_memory.h"

namespace nearcache::bench::tour {

double Interval::Percent(Count count) const {
  const uint64_t tried = Reads() + counts[kReadsFailed];
  return tried == 0 ? 0 : 100.0 * static_cast<double>(counts[count]) / static_cast<double>(tried);
}

uint64_t Interval::Violations() const {
  uint64_t sum = 0;
  for (int i = 0; i < kFindingCount; ++i) {
    if (IsViolation(static_cast<Finding>(i))) sum += counts[kFirstFinding + i];
  }
  return sum;
}

Sampler::Sampler(SharedMemory* memory, Observer observer) : memory_(memory), observer_(observer) {
  for (uint32_t worker = 0; worker < memory->setup().worker_count; ++worker) {
    before_.push_back(Read(worker));
    memory->worker(worker).oldest_served_nanos[static_cast<int>(observer)].store(0);
  }
}

Sampler::Cumulative Sampler::Read(uint32_t worker) const {
  const WorkerBlock& block = memory_->worker(worker);
  Cumulative now;
  for (int i = 0; i < kCountCount; ++i) now.counts[i] = block.counts[i].load(std::memory_order_relaxed);
  now.remote_latency = block.remote_latency_nanos.Snapshot();
  now.hits = block.hit_tenths_of_nanos.Snapshot();
  now.outdated = block.outdated_age_nanos.Snapshot();
  return now;
}

Sample Sampler::Take(double at_seconds) {
  Sample sample;
  sample.at_seconds = at_seconds;
  const double seconds = at_seconds - before_seconds_;
  Cumulative sum;
  for (uint32_t worker = 0; worker < before_.size(); ++worker) {
    const Cumulative now = Read(worker);
    Cumulative difference;
    for (int i = 0; i < kCountCount; ++i) {
      difference.counts[i] = now.counts[i] - before_[worker].counts[i];
      sum.counts[i] += difference.counts[i];
    }
    difference.remote_latency = now.remote_latency.Since(before_[worker].remote_latency);
    difference.hits = now.hits.Since(before_[worker].hits);
    difference.outdated = now.outdated.Since(before_[worker].outdated);
    sum.remote_latency.Add(difference.remote_latency);
    sum.hits.Add(difference.hits);
    sum.outdated.Add(difference.outdated);
    before_[worker] = now;
    sample.workers.push_back(Describe(difference, seconds));
    AddGauges(worker, &sample.workers.back());
  }
  sample.total = Describe(sum, seconds);
  for (const Interval& worker : sample.workers) {
    sample.total.oldest_served = std::max(sample.total.oldest_served, worker.oldest_served);
    for (int i = 0; i < kGaugeCount; ++i) {
      sample.total.gauges[i] = std::max(sample.total.gauges[i], worker.gauges[i]);
    }
  }
  before_seconds_ = at_seconds;
  return sample;
}

Interval Sampler::Describe(const Cumulative& difference, double seconds) const {
  Interval interval;
  interval.seconds = seconds;
  interval.counts = difference.counts;
  interval.hit_tenths_of_nanos_p50 = difference.hits.Percentile(0.5);
  interval.remote_latency_p50 = difference.remote_latency.Percentile(0.5);
  interval.remote_latency_p99 = difference.remote_latency.Percentile(0.99);
  interval.outdated_age_p50 = difference.outdated.Percentile(0.5);
  interval.outdated_age_p99 = difference.outdated.Percentile(0.99);
  return interval;
}

void Sampler::AddGauges(uint32_t worker, Interval* interval) const {
  WorkerBlock& block = memory_->worker(worker);
  interval->oldest_served = block.oldest_served_nanos[static_cast<int>(observer_)].exchange(0);
  interval->state = block.status.state.load();
  for (int i = 0; i < kGaugeCount; ++i) {
    interval->gauges[i] = block.gauges[i].load(std::memory_order_relaxed);
  }
}

}  // namespace nearcache::bench::tour
