#include "bench/hit_ratio/bounds.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <list>
#include <queue>
#include <utility>

namespace nearcache::hit_ratio {
namespace {

constexpr size_t kNoRequest = std::numeric_limits<size_t>::max();

// For each request, when its key is asked for again; kNoRequest: never.
std::vector<size_t> NextRequests(const std::vector<uint32_t>& requests, uint32_t key_count) {
  std::vector<size_t> next(requests.size());
  std::vector<size_t> soonest(key_count, kNoRequest);
  for (size_t i = requests.size(); i-- > 0;) {
    next[i] = soonest[requests[i]];
    soonest[requests[i]] = i;
  }
  return next;
}

// A queue of entries; a hit moves the entry to its young end, or leaves it where it is.
uint64_t QueueHits(const std::vector<uint32_t>& requests, const std::vector<uint32_t>& weights, uint64_t capacity,
                   bool renew) {
  std::list<uint32_t> queue;  // The next to leave is at the front.
  std::vector<std::list<uint32_t>::iterator> places(weights.size(), queue.end());
  uint64_t held = 0;
  uint64_t hits = 0;
  for (const uint32_t key : requests) {
    if (places[key] != queue.end()) {
      ++hits;
      if (renew) queue.splice(queue.end(), queue, places[key]);
      continue;
    }
    if (weights[key] > capacity) continue;
    for (; held + weights[key] > capacity; queue.pop_front()) {
      held -= weights[queue.front()];
      places[queue.front()] = queue.end();
    }
    held += weights[key];
    places[key] = queue.insert(queue.end(), key);
  }
  return hits;
}

}  // namespace

uint64_t MinHits(const std::vector<uint32_t>& requests, uint32_t key_count, uint64_t capacity) {
  const std::vector<size_t> next = NextRequests(requests, key_count);
  // When each key that is held is asked for again; kNoRequest: it is not held. Keys that are not asked for again need
  // not be.
  std::vector<size_t> held_until(key_count, kNoRequest);
  // The last to be asked for on top; an entry that `held_until` does not confirm is out of date.
  std::priority_queue<std::pair<size_t, uint32_t>> last;
  uint64_t held = 0;
  uint64_t hits = 0;
  for (size_t i = 0; i < requests.size(); ++i) {
    const uint32_t key = requests[i];
    if (held_until[key] == i) {
      ++hits;
      --held;
    }
    held_until[key] = next[i];
    if (next[i] == kNoRequest) continue;
    last.emplace(next[i], key);
    for (++held; held > capacity; last.pop()) {
      const auto [until, farthest] = last.top();
      if (held_until[farthest] != until) continue;
      held_until[farthest] = kNoRequest;
      --held;
    }
  }
  return hits;
}

uint64_t IntervalBoundHits(const std::vector<uint32_t>& requests, const std::vector<uint32_t>& weights,
                           uint64_t capacity) {
  const std::vector<size_t> next = NextRequests(requests, static_cast<uint32_t>(weights.size()));
  std::vector<double> prices;
  for (size_t i = 0; i < requests.size(); ++i) {
    const uint32_t weight = weights[requests[i]];
    if (next[i] != kNoRequest && weight <= capacity) {
      prices.push_back(static_cast<double>(weight) * static_cast<double>(next[i] - i));
    }
  }
  std::sort(prices.begin(), prices.end());
  double left = static_cast<double>(capacity) * static_cast<double>(requests.size());
  uint64_t hits = 0;
  // A part of an interval is no hit, so the last one counts only if it is paid in full.
  for (const double price : prices) {
    if ((left -= price) < 0) break;
    ++hits;
  }
  return hits;
}

uint64_t LruHits(const std::vector<uint32_t>& requests, const std::vector<uint32_t>& weights, uint64_t capacity) {
  return QueueHits(requests, weights, capacity, /*renew=*/true);
}

uint64_t FifoHits(const std::vector<uint32_t>& requests, const std::vector<uint32_t>& weights, uint64_t capacity) {
  return QueueHits(requests, weights, capacity, /*renew=*/false);
}

}  // namespace nearcache::hit_ratio
