// The contract on real servers. One server serves all tests of the binary; each test has a key prefix of its own.

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/nearcache/cache_contract.h"
#include "tests/support/redis_server.h"

namespace nearcache::testing {
namespace {

using Product = RedisServerOptions::Product;

// Null if the product is not installed. Ends with the process.
RedisServer* SharedServer(Product product) {
  static auto* const servers = new std::map<Product, std::unique_ptr<RedisServer>>;
  std::unique_ptr<RedisServer>& server = (*servers)[product];
  if (server == nullptr && RedisServer::Installed(product)) {
    RedisServerOptions options;
    options.product = product;
    absl::StatusOr<std::unique_ptr<RedisServer>> started = RedisServer::Start(options);
    EXPECT_TRUE(started.ok()) << started.status();
    if (started.ok()) server = *std::move(started);
  }
  return server.get();
}

class StopServers : public ::testing::Environment {
 public:
  void TearDown() override {
    for (const Product product : {Product::kRedis, Product::kValkey}) {
      if (RedisServer::Installed(product)) SharedServer(product)->Kill();
    }
  }
};

class ServerBackend final : public CacheBackend {
 public:
  explicit ServerBackend(RedisServer* server) : server_(server) {
    static std::atomic<int> tests{0};
    prefix_ = absl::StrCat("test", ++tests);
  }

  Options DefaultOptions() const override {
    Options options;
    options.remote.unix_socket = server_->socket_path();
    options.key_prefix = prefix_;
    return options;
  }
  absl::StatusOr<std::unique_ptr<Cache>> Open(const Options& options) override { return Cache::Open(options); }
  bool has_remote() const override { return true; }
  void PutRaw(absl::string_view key, absl::string_view bytes) override {
    EXPECT_TRUE(server_->Command({"SET", key, bytes}).ok());
  }
  void PutOtherType(absl::string_view key) override {
    EXPECT_TRUE(server_->Command({"DEL", key}).ok());
    EXPECT_TRUE(server_->Command({"RPUSH", key, "element"}).ok());
  }
  std::string PeekRaw(absl::string_view key) override {
    const absl::StatusOr<std::string> bytes = server_->Command({"GET", key});
    return bytes.ok() ? *bytes : "";
  }

 private:
  RedisServer* const server_;
  std::string prefix_;
};

template <Product product>
std::unique_ptr<CacheBackend> StartServerBackend() {
  RedisServer* const server = SharedServer(product);
  if (server == nullptr) return nullptr;
  return std::make_unique<ServerBackend>(server);
}

const auto* const stop_servers = ::testing::AddGlobalTestEnvironment(new StopServers);

}  // namespace

INSTANTIATE_TEST_SUITE_P(OnServer, CacheContract,
                         ::testing::Values(BackendKind{"Redis", StartServerBackend<Product::kRedis>},
                                           BackendKind{"Valkey", StartServerBackend<Product::kValkey>}),
                         BackendName);

}  // namespace nearcache::testing
