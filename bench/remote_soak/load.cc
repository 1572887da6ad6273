#include "bench/remote_soak/load.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/types/span.h"
#include "nearcache/value.h"

namespace nearcache::remote_soak {
namespace {

constexpr uint32_t kManyKeys = 8;
constexpr uint32_t kCounters = 10;
constexpr size_t kViolationsKept = 20;

// What a fault may do to a call, and what a right answer may be.
bool Explained(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
      return true;
    default:
      return false;
  }
}

}  // namespace

Values::Values() {
  bench::Random random(7);
  bytes_.resize(kBytesMax + kKeyCount);
  for (char& byte : bytes_) byte = static_cast<char>(random.Below(256));
}

std::string Values::Key(uint32_t number) { return absl::StrCat("soak:", number); }

std::string Values::Value(uint32_t number, size_t bytes) const {
  std::string value = absl::StrCat(Key(number), "=");
  if (bytes > value.size()) value.append(bytes_, number, bytes - value.size());
  return value;
}

bool Values::IsRight(uint32_t number, absl::string_view value) const {
  const std::string head = absl::StrCat(Key(number), "=");
  return absl::StartsWith(value, head) && value.size() <= kBytesMax &&
         value.substr(head.size()) == absl::string_view(bytes_).substr(number, value.size() - head.size());
}

size_t Values::DrawBytes(bench::Random* random) {
  const size_t most = size_t{16} << random->Below(13);
  return std::max<size_t>(10, random->Below(static_cast<uint32_t>(most)));
}

Load::Load(Cache* cache, const LoadOptions& options) : cache_(cache), options_(options) {
  for (int i = 0; i < options.blocking_threads; ++i) {
    threads_.emplace_back([this, i] { RunBlocking(options_.seed + static_cast<uint64_t>(i)); });
  }
  threads_.emplace_back([this] { RunAsync(options_.seed + 1000); });
}

Load::~Load() {
  {
    absl::MutexLock lock(&mutex_);
    ending_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

void Load::Resume() {
  absl::MutexLock lock(&mutex_);
  running_ = true;
}

bool Load::Pause(absl::Duration timeout) {
  absl::MutexLock lock(&mutex_);
  running_ = false;
  const auto still = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return parked_ == static_cast<int>(threads_.size()) && in_flight_ == 0;
  };
  return mutex_.AwaitWithTimeout(absl::Condition(&still), timeout);
}

// `idle`: there is nothing to do before something comes back.
bool Load::AwaitTurn(bool idle) {
  absl::MutexLock lock(&mutex_);
  if (running_ && !idle) return !ending_;
  ++parked_;
  const auto wanted = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return ending_ || (running_ && in_flight_ < options_.async_in_flight);
  };
  mutex_.Await(absl::Condition(&wanted));
  --parked_;
  return !ending_;
}

void Load::RunBlocking(uint64_t seed) {
  bench::Random random(seed);
  while (AwaitTurn(/*idle=*/false)) {
    const absl::Time began_at = absl::Now();
    CallOnce(&random);
    NoteDuration(began_at);
    absl::SleepFor(absl::Seconds(1) / options_.calls_per_second - (absl::Now() - began_at));
  }
}

void Load::RunAsync(uint64_t seed) {
  bench::Random random(seed);
  bool full = false;
  while (AwaitTurn(full)) {
    StartOne(&random);
    {
      absl::MutexLock lock(&mutex_);
      full = in_flight_ >= options_.async_in_flight;
    }
    absl::SleepFor(absl::Seconds(1) / options_.calls_per_second);
  }
}

void Load::CallOnce(bench::Random* random) {
  calls_.fetch_add(1, std::memory_order_relaxed);
  const uint32_t number = random->Below(Values::kKeyCount);
  const std::string key = Values::Key(number);
  ReadOptions read;
  read.timeout = options_.call_timeout;
  const uint32_t what = random->Below(100);
  if (what < 45) {
    read.fresh = what < 15;
    return CheckValue(number, cache_->Get(key, read));
  }
  if (what < 55) {
    std::vector<std::string> keys;
    for (uint32_t i = 0; i < kManyKeys; ++i) keys.push_back(Values::Key((number + i) % Values::kKeyCount));
    const std::vector<absl::string_view> views(keys.begin(), keys.end());
    const std::vector<absl::StatusOr<Value>> values = cache_->GetMany(views, read);
    for (uint32_t i = 0; i < kManyKeys; ++i) CheckValue((number + i) % Values::kKeyCount, values[i]);
    return;
  }
  if (what < 60) {
    nearcache::LoadOptions load;
    load.timeout = options_.call_timeout;
    const size_t bytes = Values::DrawBytes(random);
    return CheckValue(number,
                      cache_->GetOrLoad(key, [&](absl::string_view) { return values_.Value(number, bytes); }, load));
  }
  ChangeOnce(what, number, random);
}

void Load::ChangeOnce(uint32_t what, uint32_t number, bench::Random* random) {
  const std::string key = Values::Key(number);
  WriteOptions write;
  write.timeout = options_.call_timeout;
  CallOptions call;
  call.timeout = options_.call_timeout;
  if (what < 78) return CheckStatus(cache_->Set(key, values_.Value(number, Values::DrawBytes(random)), write));
  if (what < 83) return CheckStatus(cache_->Delete(key, call));
  if (what < 87) {
    std::vector<std::pair<std::string, std::string>> entries;
    for (uint32_t i = 0; i < kManyKeys; ++i) {
      const uint32_t at = (number + i) % Values::kKeyCount;
      entries.emplace_back(Values::Key(at), values_.Value(at, Values::DrawBytes(random)));
    }
    const std::vector<KeyAndValue> views(entries.begin(), entries.end());
    for (const absl::Status& status : cache_->SetMany(views, write)) CheckStatus(status);
    return;
  }
  if (what < 90) {
    IncrementOptions increment;
    increment.timeout = options_.call_timeout;
    return CheckStatus(cache_->Increment(absl::StrCat("counter:", number % kCounters), 1, increment).status());
  }
  if (what < 92) return CheckStatus(cache_->Add(key, values_.Value(number, Values::DrawBytes(random)), write));
  if (what < 94) return CheckStatus(cache_->TimeToLive(key, call).status());
  if (what < 96) return CheckStatus(cache_->Touch(key, absl::Minutes(1), call));
  if (what < 97) return CheckStatus(cache_->Sync(call));
  if (what < 98) return CheckStatus(cache_->Clear(call));
  const std::string echo = absl::StrCat("echo:", random->Next());
  const absl::StatusOr<ExecuteReply> reply = cache_->Execute({"ECHO", echo}, call);
  CheckStatus(reply.status());
  if (reply.ok() && reply->string.view() != echo) Violate("ECHO was answered with something else");
}

void Load::StartOne(bench::Random* random) {
  calls_.fetch_add(1, std::memory_order_relaxed);
  const uint32_t number = random->Below(Values::kKeyCount);
  const std::string key = Values::Key(number);
  {
    absl::MutexLock lock(&mutex_);
    ++in_flight_;
  }
  const auto ended = [this, began_at = absl::Now()] {
    NoteDuration(began_at);
    absl::MutexLock lock(&mutex_);
    --in_flight_;
  };
  if (random->Below(4) == 0) {
    WriteOptions write;
    write.timeout = options_.call_timeout;
    const std::string value = values_.Value(number, Values::DrawBytes(random));
    cache_->SetAsync(
        key, value,
        [this, ended](const absl::Status& status) {
          CheckStatus(status);
          ended();
        },
        write);
    return;
  }
  ReadOptions read;
  read.timeout = options_.call_timeout;
  read.fresh = true;
  cache_->GetAsync(
      key,
      [this, ended, number](const absl::StatusOr<Value>& value) {
        CheckValue(number, value);
        ended();
      },
      read);
}

void Load::CheckValue(uint32_t number, const absl::StatusOr<Value>& value) {
  CheckStatus(value.status());
  if (value.ok() && !values_.IsRight(number, value->view())) {
    Violate(absl::StrCat(Values::Key(number), " has a value that is not its own"));
  }
}

void Load::CheckStatus(const absl::Status& status) {
  if (status.ok() || absl::IsNotFound(status) || absl::IsAlreadyExists(status)) return;
  failures_.fetch_add(1, std::memory_order_relaxed);
  {
    absl::MutexLock lock(&mutex_);
    ++by_code_[status.code()];
  }
  if (!Explained(status.code())) Violate(status.ToString());
}

void Load::Violate(std::string text) {
  absl::MutexLock lock(&mutex_);
  if (violations_.size() < kViolationsKept) violations_.push_back(std::move(text));
}

void Load::NoteDuration(absl::Time began_at) {
  const int64_t overrun = absl::ToInt64Nanoseconds(absl::Now() - began_at - options_.call_timeout);
  int64_t most = overrun_nanos_max_.load(std::memory_order_relaxed);
  while (overrun > most && !overrun_nanos_max_.compare_exchange_weak(most, overrun)) {
  }
}

std::vector<std::string> Load::violations() const {
  absl::MutexLock lock(&mutex_);
  return violations_;
}

std::string Load::FailuresByCode() const {
  absl::MutexLock lock(&mutex_);
  std::string text;
  for (const auto& [code, count] : by_code_) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", absl::StatusCodeToString(code), " ", count);
  }
  return text;
}

}  // namespace nearcache::remote_soak
