// The keys that are read, and values that say which key they belong to.

#ifndef BENCH_REMOTE_PEERS_DATA_H_
#define BENCH_REMOTE_PEERS_DATA_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/support/redis_server.h"

namespace nearcache::remote_peers {

// Immutable after Store, so that threads may share it.
class DataSet {
 public:
  static constexpr size_t kValueBytesMin = 10;

  // REQUIRES: value_bytes >= kValueBytesMin
  DataSet(size_t value_bytes, int key_count);

  // Puts all of it into the server.
  void Store(testing::RedisServer* server) const;

  const std::vector<std::string>& keys() const { return keys_; }
  bool IsRight(const std::string& key, absl::string_view value) const {
    return value.size() == value_bytes_ && value.substr(0, kValueBytesMin) == NumberOf(key);
  }

 private:
  static absl::string_view NumberOf(const std::string& key) {
    return absl::string_view(key).substr(key.size() - kValueBytesMin);
  }

  const size_t value_bytes_;
  std::vector<std::string> keys_;
};

}  // namespace nearcache::remote_peers

#endif  // BENCH_REMOTE_PEERS_DATA_H_
