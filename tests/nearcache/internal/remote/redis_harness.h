// A real server of its own for each test of the store contract, reached over a unix socket.

#ifndef NEARCACHE_TESTS_INTERNAL_REMOTE_REDIS_HARNESS_H_
#define NEARCACHE_TESTS_INTERNAL_REMOTE_REDIS_HARNESS_H_

#include <initializer_list>
#include <memory>
#include <string>

#include "nearcache/internal/remote/redis_store.h"
#include "tests/nearcache/internal/remote/store_contract.h"
#include "tests/support/redis_server.h"

namespace nearcache::internal::remote {

class RedisHarness final : public StoreHarness {
 public:
  // Null if this product is not installed.
  static std::unique_ptr<RedisHarness> Start(
      testing::RedisServerOptions::Product product = testing::RedisServerOptions::Product::kAny);

  // Options for a store on this server, for tests that change some.
  RedisStoreOptions Options() const;
  // Of stores made from now on.
  void SetRetriesMax(int retries_max) { retries_max_ = retries_max; }
  testing::RedisServer& redis() { return *redis_; }
  // The reply's text; fails the test on an error reply.
  std::string Command(std::initializer_list<absl::string_view> arguments);

  std::unique_ptr<Store> NewStore() override;
  void Put(absl::string_view key, absl::string_view bytes) override;
  void PutOtherType(absl::string_view key) override;
  bool HoldsOtherType(absl::string_view key) override;
  absl::optional<std::string> Peek(absl::string_view key) override;
  absl::optional<absl::Duration> PeekTimeToLive(absl::string_view key) override;
  void FlushAll() override;
  void ForgetScripts() override;
  void Publish(absl::string_view payload) override;
  void SetOutOfMemory(bool on) override;
  void SetReadOnly(bool on) override;
  void SetPublishForbidden(bool on) override;
  void Freeze() override;
  void Thaw() override;
  void Stop() override;
  void Restart() override;

 private:
  std::unique_ptr<testing::RedisServer> redis_;
  int retries_max_ = 1000;
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_TESTS_INTERNAL_REMOTE_REDIS_HARNESS_H_
