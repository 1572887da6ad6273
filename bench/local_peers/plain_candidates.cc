// What a team writes in an afternoon: a hash map and a list of the order of use, behind one mutex, or 64 of them.

#include <algorithm>
#include <array>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "bench/local_peers/candidate_of.h"
#include "bench/local_peers/registry.h"

namespace nearcache::local_peers {
namespace {

constexpr size_t kEverything = size_t{16} << 30;

using Shared = std::shared_ptr<const std::string>;

size_t PayloadFor(const Room& room) {
  if (room.bytes > 0) return room.bytes;
  if (room.entries == 0) return kEverything;
  return static_cast<size_t>(room.corpus->MeanPayload() * room.entries);
}

// std::unordered_map, std::list, std::mutex; values are shared, so that they may be read without the lock.
class OneMutexStore : public StoreBase {
 public:
  explicit OneMutexStore(const Room& room) : capacity_(PayloadFor(room)) {}

  template <Form form>
  bool Get(absl::string_view key, Reader* reader) {
    Shared value;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto found = map_.find(std::string(key));
      if (found == map_.end()) return false;
      list_.splice(list_.begin(), list_, found->second);
      value = found->second->second;
    }
    reader->Take<form>(*value);
    return true;
  }

  void Set(absl::string_view key, absl::string_view value) {
    auto shared = std::make_shared<const std::string>(value);
    std::list<Node> dropped;
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = map_.find(std::string(key));
    if (found != map_.end()) Drop(found, &dropped);
    list_.emplace_front(std::string(key), std::move(shared));
    map_.emplace(list_.front().first, list_.begin());
    used_ += key.size() + value.size();
    while (used_ > capacity_) Drop(map_.find(list_.back().first), &dropped);
  }

  bool Clear() {
    const std::lock_guard<std::mutex> lock(mutex_);
    map_.clear();
    list_.clear();
    used_ = 0;
    return true;
  }

 private:
  using Node = std::pair<std::string, Shared>;
  using Map = std::unordered_map<std::string, std::list<Node>::iterator>;

  void Drop(Map::iterator found, std::list<Node>* dropped) {
    used_ -= found->second->first.size() + found->second->second->size();
    dropped->splice(dropped->begin(), list_, found->second);
    map_.erase(found);
  }

  const size_t capacity_;
  std::mutex mutex_;
  std::list<Node> list_;
  Map map_;
  size_t used_ = 0;
};

// The same with Abseil's parts, cut into 64 by the hash. The map's keys are views of the nodes' strings, so a look-up
// allocates nothing.
class ShardedStore : public StoreBase {
 public:
  explicit ShardedStore(const Room& room) : shard_capacity_(PayloadFor(room) / kShards) {}

  template <Form form>
  bool Get(absl::string_view key, Reader* reader) {
    Shard& shard = ShardOf(key);
    Shared value;
    {
      absl::MutexLock lock(&shard.mutex);
      const auto found = shard.map.find(key);
      if (found == shard.map.end()) return false;
      shard.list.splice(shard.list.begin(), shard.list, found->second);
      value = found->second->second;
    }
    reader->Take<form>(*value);
    return true;
  }

  void Set(absl::string_view key, absl::string_view value) {
    auto shared = std::make_shared<const std::string>(value);
    std::list<Node> added;
    added.emplace_front(std::string(key), std::move(shared));
    std::list<Node> dropped;
    Shard& shard = ShardOf(key);
    absl::MutexLock lock(&shard.mutex);
    const auto found = shard.map.find(key);
    if (found != shard.map.end()) shard.Drop(found->second, &dropped);
    shard.list.splice(shard.list.begin(), added);
    shard.map.emplace(shard.list.front().first, shard.list.begin());
    shard.used += key.size() + value.size();
    while (shard.used > shard_capacity_ && shard.list.size() > 1) shard.Drop(std::prev(shard.list.end()), &dropped);
  }

  bool Clear() {
    for (Shard& shard : shards_) {
      absl::MutexLock lock(&shard.mutex);
      shard.map.clear();
      shard.list.clear();
      shard.used = 0;
    }
    return true;
  }

 private:
  static constexpr size_t kShards = 64;
  using Node = std::pair<std::string, Shared>;

  struct alignas(64) Shard {
    void Drop(std::list<Node>::iterator node, std::list<Node>* dropped) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
      used -= node->first.size() + node->second->size();
      map.erase(node->first);
      dropped->splice(dropped->begin(), list, node);
    }

    absl::Mutex mutex;
    std::list<Node> list ABSL_GUARDED_BY(mutex);
    absl::flat_hash_map<absl::string_view, std::list<Node>::iterator> map ABSL_GUARDED_BY(mutex);
    size_t used ABSL_GUARDED_BY(mutex) = 0;
  };

  Shard& ShardOf(absl::string_view key) { return shards_[absl::HashOf(key) >> 58]; }

  const size_t shard_capacity_;
  std::array<Shard, kShards> shards_;
};

template <typename Store>
std::unique_ptr<Candidate> Make(const Room& room) {
  return std::make_unique<CandidateOf<Store>>(room);
}

const bool kOneMutexRegistered = Register({kOneMutex, &Make<OneMutexStore>});
const bool kShardedRegistered = Register({kShardedAbsl, &Make<ShardedStore>});

}  // namespace
}  // namespace nearcache::local_peers
