#include "tests/nearcache/cache_contract.h"

#include <utility>

#include "absl/status/status_matchers.h"
#include "gmock/gmock.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/key_space.h"
#include "nearcache/testing/cache_test_peer.h"
#include "nearcache/testing/fake_server.h"
#include "nearcache/testing/fake_store.h"

namespace nearcache::testing {
namespace {

class LocalBackend final : public CacheBackend {
 public:
  Options DefaultOptions() const override { return Options(); }
  absl::StatusOr<std::unique_ptr<Cache>> Open(const Options& options) override { return Cache::Open(options); }
  bool has_remote() const override { return false; }
  void PutRaw(absl::string_view, absl::string_view) override {}
  void PutOtherType(absl::string_view) override {}
  std::string PeekRaw(absl::string_view) override { return ""; }
};

class FakeBackend final : public CacheBackend {
 public:
  FakeBackend() : server_(internal::Clock::Real()) { server_.StartThread(); }

  Options DefaultOptions() const override {
    Options options;
    options.remote.host = "fake";
    return options;
  }
  absl::StatusOr<std::unique_ptr<Cache>> Open(const Options& options) override {
    const auto factory = [this](const Options& o,
                                const internal::Clock*) -> absl::StatusOr<std::unique_ptr<internal::remote::Store>> {
      const internal::KeySpace names(o.key_prefix, o.key_version, o.remote.database);
      internal::remote::FakeStoreOptions store;
      store.lane_key = names.lane_key();
      store.epoch_key = names.epoch_key();
      store.missing_key = names.missing_key();
      store.channel = names.channel();
      return std::make_unique<internal::remote::FakeStore>(&server_, store);
    };
    return CacheTestPeer::Open(options, factory);
  }
  bool has_remote() const override { return true; }
  void PutRaw(absl::string_view key, absl::string_view bytes) override { server_.Put(key, bytes); }
  void PutOtherType(absl::string_view key) override { server_.PutOtherType(key); }
  std::string PeekRaw(absl::string_view key) override { return server_.Peek(key).value_or(""); }

 private:
  internal::remote::FakeServer server_;
};

}  // namespace

std::unique_ptr<CacheBackend> StartLocalBackend() { return std::make_unique<LocalBackend>(); }
std::unique_ptr<CacheBackend> StartFakeBackend() { return std::make_unique<FakeBackend>(); }

void CacheContract::SetUp() {
  backend_ = GetParam().start();
  if (backend_ == nullptr) GTEST_SKIP() << GetParam().name << " is not installed";
  cache_ = OpenCache(DefaultOptions());
}

std::unique_ptr<Cache> CacheContract::OpenCache(const Options& options) {
  absl::StatusOr<std::unique_ptr<Cache>> cache = backend_->Open(options);
  EXPECT_THAT(cache, absl_testing::IsOk());
  EXPECT_THAT((*cache)->WaitUntilReady(absl::Seconds(10)), absl_testing::IsOk());
  return *std::move(cache);
}

std::string BackendName(const ::testing::TestParamInfo<BackendKind>& info) { return info.param.name; }

}  // namespace nearcache::testing
