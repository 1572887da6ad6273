#include "tests/nearcache/internal/remote/redis_harness.h"

#include <utility>

#include "absl/strings/numbers.h"

namespace nearcache::internal::remote {

std::unique_ptr<RedisHarness> RedisHarness::Start(testing::RedisServerOptions::Product product) {
  if (!testing::RedisServer::Installed(product)) return nullptr;
  testing::RedisServerOptions options;
  options.product = product;
  auto redis = testing::RedisServer::Start(std::move(options));
  EXPECT_TRUE(redis.ok()) << redis.status();
  if (!redis.ok()) return nullptr;
  auto harness = std::make_unique<RedisHarness>();
  harness->redis_ = *std::move(redis);
  return harness;
}

RedisStoreOptions RedisHarness::Options() const {
  RedisStoreOptions options;
  options.engine.address = Address::Unix(redis_->socket_path());
  // Tests freeze the server for longer than a call lasts.
  options.engine.health_timeout = absl::Seconds(5);
  options.engine.reconnect_backoff_max = absl::Milliseconds(50);
  options.engine.reconnects_per_second_max = 100;  // Tests break connections more often than the world does.
  options.engine.retries_max = retries_max_;
  options.lane_key = names().lane_key;
  options.epoch_key = names().epoch_key;
  options.missing_key = names().missing_key;
  options.channel = names().channel;
  return options;
}

std::string RedisHarness::Command(std::initializer_list<absl::string_view> arguments) {
  const absl::StatusOr<std::string> reply = redis_->Command(arguments);
  EXPECT_TRUE(reply.ok()) << reply.status();
  return reply.value_or("");
}

std::unique_ptr<Store> RedisHarness::NewStore() {
  auto store = RedisStore::Create(Options());
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

void RedisHarness::Put(absl::string_view key, absl::string_view bytes) { Command({"SET", key, bytes}); }

void RedisHarness::PutOtherType(absl::string_view key) {
  Command({"DEL", key});
  Command({"HSET", key, "field", "value"});
}

bool RedisHarness::HoldsOtherType(absl::string_view key) { return Command({"TYPE", key}) == "hash"; }

absl::optional<std::string> RedisHarness::Peek(absl::string_view key) {
  absl::StatusOr<std::string> bytes = redis_->Command({"GET", key});
  if (absl::IsNotFound(bytes.status())) return absl::nullopt;
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  return std::move(bytes).value_or("");
}

absl::optional<absl::Duration> RedisHarness::PeekTimeToLive(absl::string_view key) {
  int64_t milliseconds = -1;
  EXPECT_TRUE(absl::SimpleAtoi(Command({"PTTL", key}), &milliseconds));
  if (milliseconds < 0) return absl::nullopt;
  return absl::Milliseconds(milliseconds);
}

void RedisHarness::FlushAll() { Command({"FLUSHALL", "ASYNC"}); }
void RedisHarness::ForgetScripts() { Command({"SCRIPT", "FLUSH"}); }
void RedisHarness::Publish(absl::string_view payload) { Command({"PUBLISH", names().channel, payload}); }

void RedisHarness::SetOutOfMemory(bool on) { Command({"CONFIG", "SET", "maxmemory", on ? "1" : "0"}); }

void RedisHarness::SetReadOnly(bool on) {
  if (on) {
    Command({"REPLICAOF", "127.0.0.1", "1"});
  } else {
    Command({"REPLICAOF", "NO", "ONE"});
  }
}

void RedisHarness::SetPublishForbidden(bool on) {
  Command({"ACL", "SETUSER", "default", on ? "-publish" : "+publish"});
}

void RedisHarness::Freeze() { redis_->Pause(); }
void RedisHarness::Thaw() { redis_->Resume(); }
void RedisHarness::Stop() { redis_->Kill(); }
void RedisHarness::Restart() { EXPECT_EQ(redis_->Restart(), absl::OkStatus()); }

}  // namespace nearcache::internal::remote
