// oneTBB: concurrent_hash_map, which never evicts, and concurrent_lru_cache, which computes what it lacks: an ordered
// map and a list that one thread at a time works on for all.

#define TBB_PREVIEW_CONCURRENT_LRU_CACHE 1

#include <oneapi/tbb/concurrent_hash_map.h>
#include <oneapi/tbb/concurrent_lru_cache.h>

#include <memory>
#include <string>

#include "absl/hash/hash.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "bench/local_peers/candidate_of.h"
#include "bench/local_peers/registry.h"

namespace nearcache::local_peers {
namespace {

struct KeyHashCompare {
  size_t hash(const std::string& key) const { return absl::HashOf(key); }
  bool equal(const std::string& a, const std::string& b) const { return a == b; }
};

class MapStore : public StoreBase {
 public:
  explicit MapStore(const Room& /*room*/) {}

  template <Form form>
  bool Get(absl::string_view key, Reader* reader) {
    Map::const_accessor found;
    if (!map_.find(found, std::string(key))) return false;
    reader->Take<form>(found->second);
    return true;
  }

  void Set(absl::string_view key, absl::string_view value) {
    Map::accessor place;
    map_.insert(place, std::string(key));
    place->second = std::string(value);
  }

 private:
  using Map = tbb::concurrent_hash_map<std::string, std::string, KeyHashCompare>;
  Map map_;
};

thread_local bool computed = false;

// The value that belongs to a key, whose last eight characters are its number.
struct Compute {
  const bench::Corpus* corpus;

  std::string operator()(const std::string& key) const {
    computed = true;
    uint32_t number = 0;
    if (!absl::SimpleHexAtoi(absl::string_view(key).substr(key.size() - 8), &number)) return "";
    return std::string(corpus->Value(number));
  }
};

class LruStore : public StoreBase {
 public:
  explicit LruStore(const Room& room)
      : cache_(Compute{room.corpus}, room.entries > 0 ? room.entries : 2 * size_t{room.key_count}) {}

  template <Form form>
  bool Get(absl::string_view key, Reader* reader) {
    computed = false;
    Cache::handle handle = cache_[std::string(key)];
    reader->Take<form>(handle.value());
    return !computed;
  }

  // A value can only be computed: Get has done it.
  void Set(absl::string_view key, absl::string_view /*value*/) { cache_[std::string(key)]; }

 private:
  using Cache = tbb::concurrent_lru_cache<std::string, std::string, Compute>;
  Cache cache_;
};

template <typename Store>
std::unique_ptr<Candidate> Make(const Room& room) {
  return std::make_unique<CandidateOf<Store>>(room);
}

Entrant Lru() {
  Entrant entrant{kTbbLru, &Make<LruStore>};
  entrant.slow = true;
  entrant.sets = false;
  return entrant;
}

const bool kMapRegistered = Register({kTbbMap, &Make<MapStore>, /*evicts=*/false});
const bool kLruRegistered = Register(Lru());

}  // namespace
}  // namespace nearcache::local_peers
