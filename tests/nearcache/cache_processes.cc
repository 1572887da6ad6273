#include "tests/nearcache/cache_processes.h"

#include "absl/status/status_matchers.h"
#include "gmock/gmock.h"
#include "nearcache/internal/base/key_space.h"
#include "nearcache/testing/cache_test_peer.h"

namespace nearcache::testing {

using absl_testing::IsOk;

Options CacheProcesses::DefaultOptions() {
  Options options;
  options.remote.host = "fake";
  options.coherence.staleness_bound = kBound;
  return options;
}

CacheProcesses::Process CacheProcesses::Open(Options options) {
  Process process;
  options.executor = &executor_;
  const auto factory = [this, &process](
                           const Options& o,
                           const internal::Clock*) -> absl::StatusOr<std::unique_ptr<internal::remote::Store>> {
    const internal::KeySpace names(o.key_prefix, o.key_version, o.remote.database);
    internal::remote::FakeStoreOptions store;
    store.lane_key = names.lane_key();
    store.epoch_key = names.epoch_key();
    store.missing_key = names.missing_key();
    store.channel = names.channel();
    auto made = std::make_unique<internal::remote::FakeStore>(&server_, store);
    process.store = made.get();
    return made;
  };
  absl::StatusOr<std::unique_ptr<Cache>> cache = CacheTestPeer::Open(options, factory, &clock_);
  EXPECT_THAT(cache, IsOk());
  process.cache = *std::move(cache);
  Run();
  return process;
}

void CacheProcesses::Run() {
  do {
    server_.RunUntilIdle();
  } while (executor_.RunOne());
}

void CacheProcesses::Advance(absl::Duration by) {
  server_.Advance(by);
  Run();
}

absl::Status CacheProcesses::Set(Process& process, absl::string_view key, absl::string_view value,
                                 WriteOptions options) {
  const Answer<absl::Status> answer;
  process.cache->SetAsync(key, value, answer.callback(), options);
  // A write may take a way over the worker, a thread that does not wait for the test.
  do {
    Run();
  } while (!answer.came());
  return *answer;
}

absl::Status CacheProcesses::Delete(Process& process, absl::string_view key) {
  const Answer<absl::Status> answer;
  process.cache->DeleteAsync(key, answer.callback());
  Run();
  return answer.came() ? *answer : absl::InternalError("no answer came");
}

absl::Status CacheProcesses::Clear(Process& process) {
  const Answer<absl::Status> answer;
  process.cache->ClearAsync(answer.callback());
  Run();
  return answer.came() ? *answer : absl::InternalError("no answer came");
}

absl::StatusOr<Value> CacheProcesses::Get(Process& process, absl::string_view key, ReadOptions options) {
  const Answer<absl::StatusOr<Value>> answer = BeginGet(process, key, options);
  return answer.came() ? *answer : absl::InternalError("no answer came");
}

absl::StatusOr<Value> CacheProcesses::GetOrLoad(Process& process, absl::string_view key, Loader loader,
                                                LoadOptions options) {
  const Answer<absl::StatusOr<Value>> answer;
  process.cache->GetOrLoadAsync(key, std::move(loader), answer.callback(), options);
  Run();
  return answer.came() ? *answer : absl::InternalError("no answer came");
}

absl::optional<std::string> CacheProcesses::Memory(Process& process, absl::string_view key) {
  absl::optional<std::string> found;
  process.cache->Read(key, [&found](absl::string_view value) { found = std::string(value); });
  return found;
}

Answer<absl::StatusOr<Value>> CacheProcesses::BeginGet(Process& process, absl::string_view key, ReadOptions options) {
  Answer<absl::StatusOr<Value>> answer;
  process.cache->GetAsync(key, answer.callback(), options);
  Run();
  return answer;
}

}  // namespace nearcache::testing
