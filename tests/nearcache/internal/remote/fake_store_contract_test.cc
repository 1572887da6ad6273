// The store contract over FakeStore, in its automatic mode.

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/testing/fake_store.h"
#include "tests/nearcache/internal/remote/store_contract.h"

namespace nearcache::internal::remote {
namespace {

class FakeHarness final : public StoreHarness {
 public:
  FakeHarness() : server_(Clock::Real()) { server_.StartThread(); }

  std::unique_ptr<Store> NewStore() override {
    FakeStoreOptions options;
    options.lane_key = names().lane_key;
    options.epoch_key = names().epoch_key;
    options.missing_key = names().missing_key;
    options.channel = names().channel;
    auto store = std::make_unique<FakeStore>(&server_, options);
    stores_.push_back(store.get());
    return store;
  }

  void Put(absl::string_view key, absl::string_view bytes) override { server_.Put(key, bytes); }
  void PutOtherType(absl::string_view key) override { server_.PutOtherType(key); }
  bool HoldsOtherType(absl::string_view key) override { return server_.HoldsOtherType(key); }
  absl::optional<std::string> Peek(absl::string_view key) override { return server_.Peek(key); }
  absl::optional<absl::Duration> PeekTimeToLive(absl::string_view key) override { return server_.PeekTimeToLive(key); }
  void FlushAll() override { server_.FlushAll(); }
  void ForgetScripts() override {}
  void Publish(absl::string_view payload) override { server_.Publish(names().channel, payload); }

  void SetOutOfMemory(bool on) override {
    refusals_.out_of_memory = on;
    server_.SetRefusals(refusals_);
  }
  void SetReadOnly(bool on) override {
    refusals_.writes = on ? "READONLY You can't write against a read only replica." : "";
    server_.SetRefusals(refusals_);
  }
  void SetPublishForbidden(bool on) override {
    refusals_.publish = on ? "NOPERM User default has no permissions to run the 'publish' command" : "";
    server_.SetRefusals(refusals_);
  }
  // The stores of one test outlive its faults.
  void Freeze() override {
    for (FakeStore* store : stores_) store->HoldRequests();
  }
  void Thaw() override {
    for (FakeStore* store : stores_) store->ResumeRequests();
  }
  void Stop() override { server_.SetReachable(false); }
  void Restart() override {
    server_.Restart(/*keep_data=*/false);
    server_.SetReachable(true);
  }

 private:
  FakeServer server_;
  FakeRefusals refusals_;
  std::vector<FakeStore*> stores_;
};

INSTANTIATE_TEST_SUITE_P(Fake, StoreContract,
                         ::testing::Values(ContractParameter{"fake", [] { return std::make_unique<FakeHarness>(); }}),
                         ContractName);

}  // namespace
}  // namespace nearcache::internal::remote
