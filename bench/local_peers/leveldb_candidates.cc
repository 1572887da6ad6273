// LevelDB's block cache: 16 shards, each a table and a list behind a mutex.

#include <leveldb/cache.h>

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "bench/local_peers/candidate_of.h"
#include "bench/local_peers/registry.h"

namespace nearcache::local_peers {
namespace {

constexpr size_t kEverything = size_t{16} << 30;

void DeleteString(const leveldb::Slice& /*key*/, void* value) { delete static_cast<std::string*>(value); }

size_t CapacityFor(const Room& room) {
  if (room.bytes > 0) return room.bytes;
  if (room.entries == 0) return kEverything;
  return static_cast<size_t>(room.corpus->MeanPayload() * room.entries);
}

class LevelStore : public StoreBase {
 public:
  explicit LevelStore(const Room& room) : cache_(leveldb::NewLRUCache(CapacityFor(room))) {}

  template <Form form>
  bool Get(absl::string_view key, Reader* reader) {
    leveldb::Cache::Handle* const handle = cache_->Lookup({key.data(), key.size()});
    if (handle == nullptr) return false;
    reader->Take<form>(*static_cast<const std::string*>(cache_->Value(handle)));
    cache_->Release(handle);
    return true;
  }

  void Set(absl::string_view key, absl::string_view value) {
    cache_->Release(
        cache_->Insert({key.data(), key.size()}, new std::string(value), key.size() + value.size(), &DeleteString));
  }

  bool Clear() {
    cache_->Prune();
    return true;
  }

 private:
  const std::unique_ptr<leveldb::Cache> cache_;
};

std::unique_ptr<Candidate> Make(const Room& room) { return std::make_unique<CandidateOf<LevelStore>>(room); }

const bool kRegistered = Register({kLevelDb, &Make});

}  // namespace
}  // namespace nearcache::local_peers
