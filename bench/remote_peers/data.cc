#include "bench/remote_peers/data.h"

#include "absl/strings/str_format.h"
#include "bench/remote/raw_connection.h"
#include "nearcache/internal/remote/command.h"

namespace nearcache::remote_peers {
namespace {

constexpr size_t kPipelineBytes = 256 << 10;

}  // namespace

DataSet::DataSet(size_t value_bytes, int key_count) : value_bytes_(value_bytes) {
  for (int i = 0; i < key_count; ++i) keys_.push_back(absl::StrFormat("peers:%d:%010d", value_bytes, i));
}

void DataSet::Store(testing::RedisServer* server) const {
  bench::RawConnection connection(server->socket_path());
  std::string bytes;
  size_t commands = 0;
  for (const std::string& key : keys_) {
    std::string value(NumberOf(key));
    value.resize(value_bytes_, 'v');
    internal::remote::AppendCommand(&bytes, {"SET", key, value});
    ++commands;
    if (bytes.size() < kPipelineBytes && &key != &keys_.back()) continue;
    connection.Send(bytes);
    connection.AwaitReplies(commands);
    bytes.clear();
    commands = 0;
  }
}

}  // namespace nearcache::remote_peers
