// Boost.Unordered's concurrent_flat_map. It never evicts.

#include <boost/unordered/concurrent_flat_map.hpp>
#include <functional>
#include <memory>
#include <string>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "bench/local_peers/candidate_of.h"
#include "bench/local_peers/registry.h"

namespace nearcache::local_peers {
namespace {

struct KeyHash {
  using is_transparent = void;
  size_t operator()(absl::string_view key) const { return absl::HashOf(key); }
};

class BoostStore : public StoreBase {
 public:
  explicit BoostStore(const Room& /*room*/) {}

  template <Form form>
  bool Get(absl::string_view key, Reader* reader) {
    return map_.cvisit(key, [reader](const auto& entry) { reader->Take<form>(entry.second); }) > 0;
  }

  void Set(absl::string_view key, absl::string_view value) {
    map_.insert_or_assign(std::string(key), std::string(value));
  }

 private:
  boost::unordered::concurrent_flat_map<std::string, std::string, KeyHash, std::equal_to<>> map_;
};

std::unique_ptr<Candidate> Make(const Room& room) { return std::make_unique<CandidateOf<BoostStore>>(room); }

const bool kRegistered = Register({kBoostMap, &Make, /*evicts=*/false});

}  // namespace
}  // namespace nearcache::local_peers
