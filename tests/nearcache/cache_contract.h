// The contract of Cache, as one suite over every kind of remote tier: none, the in-memory fake, a real redis-server and
// a real valkey-server. The suites are in cache_contract_*.cc; cache_contract_*_test.cc say over what they run.

#ifndef NEARCACHE_TESTS_NEARCACHE_CACHE_CONTRACT_H_
#define NEARCACHE_TESTS_NEARCACHE_CACHE_CONTRACT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "nearcache/cache.h"
#include "nearcache/options.h"

namespace nearcache::testing {

// The remote tier of one test, shared by all caches that the test opens.
class CacheBackend {
 public:
  virtual ~CacheBackend() = default;
  // Options that reach it.
  virtual Options DefaultOptions() const = 0;
  virtual absl::StatusOr<std::unique_ptr<Cache>> Open(const Options& options) = 0;
  virtual bool has_remote() const = 0;

  // A stranger's hand in the data. Only with a remote tier.
  virtual void PutRaw(absl::string_view redis_key, absl::string_view bytes) = 0;
  virtual void PutOtherType(absl::string_view redis_key) = 0;
  virtual std::string PeekRaw(absl::string_view redis_key) = 0;
};

struct BackendKind {
  std::string name;
  // Null: not installed here.
  std::function<std::unique_ptr<CacheBackend>()> start;
};

std::unique_ptr<CacheBackend> StartLocalBackend();
std::unique_ptr<CacheBackend> StartFakeBackend();

class CacheContract : public ::testing::TestWithParam<BackendKind> {
 protected:
  void SetUp() override;

  // Opens another cache on the same remote tier, ready.
  std::unique_ptr<Cache> OpenCache(const Options& options);
  Options DefaultOptions() const { return backend_->DefaultOptions(); }
  bool has_remote() const { return backend_->has_remote(); }

  std::unique_ptr<CacheBackend> backend_;
  std::unique_ptr<Cache> cache_;
};

// Collects what callbacks bring, and counts how often each came. Thread-safe.
template <typename T>
class Catcher {
 public:
  Callback<T> MakeCallback() {
    return [this](T result) {
      absl::MutexLock lock(&mutex_);
      results_.push_back(std::move(result));
    };
  }
  // The answer, after waiting for it.
  T Wait() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &Catcher::HasResult));
    return std::move(results_[0]);
  }
  size_t count() {
    absl::MutexLock lock(&mutex_);
    return results_.size();
  }

 private:
  bool HasResult() const { return !results_.empty(); }

  absl::Mutex mutex_;
  std::vector<T> results_;
};

std::string BackendName(const ::testing::TestParamInfo<BackendKind>& info);

}  // namespace nearcache::testing

#endif  // NEARCACHE_TESTS_NEARCACHE_CACHE_CONTRACT_H_
