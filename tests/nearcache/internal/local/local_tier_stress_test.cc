// Many threads, few keys, all operations at once; for the sanitizers, and for what they cannot see. Every value carries
// its key and version in every byte, so a torn, mixed or freed value shows itself.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/value.h"

namespace nearcache::internal::local {
namespace {

constexpr int kThreads = 4;

// "key/version/" again and again: each piece of the value says what it belongs to.
std::string ValueOf(absl::string_view key, uint64_t version) {
  const std::string unit = absl::StrCat(key, "/", version, "/");
  std::string value;
  for (uint64_t i = 0; i <= version * 37 % 40; ++i) value += unit;
  return value;
}

// The version, if `value` is a whole and unmixed value of `key`.
uint64_t CheckedVersion(absl::string_view key, absl::string_view value) {
  const std::vector<absl::string_view> parts = absl::StrSplit(value.substr(0, 60), '/');
  uint64_t version = 0;
  EXPECT_GE(parts.size(), 3u);
  EXPECT_EQ(parts[0], key);
  EXPECT_TRUE(absl::SimpleAtoi(parts[1], &version));
  EXPECT_EQ(value, ValueOf(key, version));
  return version;
}

std::string KeyNumber(uint64_t number) { return absl::StrCat("key-", number); }

template <typename Work>
void OnThreads(const Work& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&work, i] { work(i, std::mt19937_64(static_cast<uint64_t>(i) + 1)); });
  }
  for (std::thread& thread : threads) thread.join();
}

void ReadAndCheck(LocalTier* tier, const std::string& key, uint64_t form) {
  const HashedKey hashed = HashKey(key, tier->hash_seed());
  const MonotonicNanos now = Clock::Real()->NowCoarse();
  if (form == 0) {
    std::string copy;
    if (tier->GetCopy(hashed, now, &copy)) CheckedVersion(key, copy);
  } else if (form == 1) {
    Value value;
    EntryInfo info;
    if (tier->Get(hashed, now, &value, &info)) {
      EXPECT_EQ(info.id, OperationTag(1, CheckedVersion(key, value.view())));
    }
  } else {
    tier->Read(hashed, now, [&](absl::string_view value) { CheckedVersion(key, value); });
  }
}

// One random change by the calls of a two-tier cache.
void ChangeAsTwoTiers(LocalTier* tier, const std::string& key, uint64_t choice, uint64_t version) {
  const HashedKey hashed = HashKey(key, tier->hash_seed());
  const MonotonicNanos now = Clock::Real()->NowCoarse();
  if (choice < 6) {
    Waiter waiter = [key](const ReadOutcome& outcome) {
      if (outcome.found) CheckedVersion(key, outcome.value.view());
    };
    const ReadStart start = tier->BeginRead(hashed, now, choice == 0 ? FlightKind::kLoad : FlightKind::kRead, &waiter);
    if (start.role == ReadStart::Role::kHit) CheckedVersion(key, start.value.view());
    if (start.role == ReadStart::Role::kBypass) tier->NoteReply(hashed, {1, version});
    if (start.role != ReadStart::Role::kLead) return;
    if (choice == 1) std::this_thread::yield();
    ReadOutcome outcome;
    outcome.found = choice != 2;
    if (outcome.found) outcome.value = Value::Copy(ValueOf(key, version));
    outcome.info.id = {1, version};
    if (choice == 3) outcome.info.expires_at = now + 1'000'000;
    tier->CompleteRead(start.flight, outcome);
  } else if (choice < 8) {
    const WriteRef write = tier->BeginWrite(hashed, {1, version}, now, RemovalCause::kReplaced);
    if (choice == 6) std::this_thread::yield();
    tier->EndWrite(write, WriteOutcome::kApplied, Value::Copy(ValueOf(key, version)), kNever);
  } else {
    tier->Invalidate(hashed, {1, version});
  }
}

void ChangeLocally(LocalTier* tier, const std::string& key, uint64_t choice, uint64_t version) {
  const HashedKey hashed = HashKey(key, tier->hash_seed());
  const MonotonicNanos now = Clock::Real()->NowCoarse();
  if (choice < 6) {
    tier->Put(hashed, ValueOf(key, version), {1, version}, now, choice == 0 ? now + 1'000'000 : kNever);
  } else if (choice < 8) {
    const absl::Status status = tier->Update(
        hashed, {1, version}, now, [&](const LocalTier::Current* current) -> absl::optional<LocalTier::Replacement> {
          if (current != nullptr) CheckedVersion(key, current->value);
          return LocalTier::Replacement{ValueOf(key, version), kNever, false};
        });
    EXPECT_TRUE(status.ok() || status.code() == absl::StatusCode::kResourceExhausted) << status;
  } else {
    tier->Remove(hashed);
  }
}

struct Mix {
  uint64_t keys;
  size_t capacity_bytes;
  bool local_only;
};

void Stress(const Mix& mix, int steps) {
  LocalTierOptions options;
  options.capacity_bytes = mix.capacity_bytes;
  options.stripe_count = 2;
  options.staleness_bound = mix.local_only ? absl::InfiniteDuration() : absl::Seconds(1);
  const std::unique_ptr<LocalTier> tier = LocalTier::Create(options);
  std::atomic<uint64_t> versions{0};
  OnThreads([&](int thread, std::mt19937_64 random) {
    for (int step = 0; step < steps; ++step) {
      const std::string key = KeyNumber(random() % mix.keys);
      const uint64_t choice = random() % 10;
      if (random() % 2 == 0) {
        ReadAndCheck(tier.get(), key, choice % 3);
      } else if (mix.local_only) {
        ChangeLocally(tier.get(), key, choice, versions.fetch_add(1) + 1);
      } else {
        ChangeAsTwoTiers(tier.get(), key, choice, versions.fetch_add(1) + 1);
      }
      if (random() % 64 == 0) tier->Maintain(Clock::Real()->NowCoarse(), 30);
      if (random() % 2048 == 0) tier->Clear();
      if (thread == 0 && random() % 512 == 0) tier->lane(0).Close();
      if (thread == 0 && random() % 256 == 0) tier->lane(0).Open(Clock::Real()->Now() + 1'000'000'000);
      ASSERT_LE(tier->GetStats().bytes, mix.capacity_bytes);
    }
  });
  const LocalTierStats stats = tier->GetStats();
  EXPECT_EQ(stats.flights, 0u);
  EXPECT_EQ(stats.writes, 0u);
  EXPECT_GT(stats.hits, 100u);
  tier->Clear();
  while (tier->Maintain(Clock::Real()->NowCoarse(), 1000)) {
  }
  EXPECT_EQ(tier->GetStats().bytes, 0u);
  EXPECT_EQ(tier->GetStats().entries, 0u);
}

TEST(LocalTierStressTest, FewKeysInTwoTiers) { Stress({8, size_t{8} << 20, false}, 30'000); }

TEST(LocalTierStressTest, ManyKeysInTwoTiersWithEviction) { Stress({3000, 200'000, false}, 30'000); }

TEST(LocalTierStressTest, FewKeysLocalOnly) { Stress({8, size_t{8} << 20, true}, 30'000); }

TEST(LocalTierStressTest, ManyKeysLocalOnlyWithEviction) { Stress({3000, 200'000, true}, 30'000); }

TEST(LocalTierStressTest, TablesGrowAndShrinkUnderReaders) {
  LocalTierOptions options;
  options.stripe_count = 1;
  const std::unique_ptr<LocalTier> tier = LocalTier::Create(options);
  std::atomic<bool> done{false};
  OnThreads([&](int thread, std::mt19937_64 random) {
    if (thread != 0) {
      while (!done.load()) ReadAndCheck(tier.get(), KeyNumber(random() % 3000), random() % 3);
      return;
    }
    for (int round = 0; round < 4; ++round) {
      for (uint64_t i = 0; i < 3000; ++i) ChangeLocally(tier.get(), KeyNumber(i), 1, i + 1);
      for (uint64_t i = 10; i < 3000; ++i) ChangeLocally(tier.get(), KeyNumber(i), 9, 0);
      while (tier->Maintain(Clock::Real()->NowCoarse(), 100)) {
      }
    }
    done.store(true);
  });
  const LocalTierStats stats = tier->GetStats();
  EXPECT_EQ(stats.entries_refused, 0u);
  // The seed is drawn at random: once in thousands of runs an insertion finds all its buckets full and drives one out.
  EXPECT_LE(stats.removals_capacity, 1u);
  EXPECT_GE(stats.entries + stats.removals_capacity, 10u);
  EXPECT_LE(stats.entries, 10u);
}

// Session order within one process: a thread that saw a version never sees an older one later. The "server" is a number
// per key behind a mutex; replies, messages and acknowledgements arrive late and in any order.
class SessionOrder {
 public:
  SessionOrder() : servers_(kKeys) {
    LocalTierOptions options;
    options.stripe_count = 1;
    options.staleness_bound = absl::Seconds(100);
    tier_ = LocalTier::Create(options);
  }

  // One random operation; thread 0 alone writes, thread 1 alone brings messages.
  void Step(int thread, std::mt19937_64* random) {
    const uint64_t number = (*random)() % kKeys;
    Server& server = servers_[number];
    const std::string key = KeyNumber(number);
    const uint64_t floor = server.seen.load();
    const bool special = (*random)() % 4 == 0;
    const bool late = (*random)() % 2 == 0;
    if (thread == 1 && special) return BringMessages(&server, key);
    const uint64_t got = thread == 0 && special ? Write(&server, key, late) : Read(&server, key, late);
    if (got == 0) return;
    ASSERT_GE(got, floor) << key;
    uint64_t seen = server.seen.load();
    while (seen < got && !server.seen.compare_exchange_weak(seen, got)) {
    }
  }

  uint64_t hits() const { return tier_->GetStats().hits; }

 private:
  static constexpr uint64_t kKeys = 4;

  struct Server {
    absl::Mutex mutex;
    uint64_t version = 1;
    std::vector<uint64_t> messages;
    std::atomic<uint64_t> seen{1};
  };

  HashedKey Hashed(const std::string& key) const { return HashKey(key, tier_->hash_seed()); }

  static uint64_t VersionOf(Server* server) {
    absl::MutexLock lock(&server->mutex);
    return server->version;
  }

  // There is one writer, so it knows the id that its write will have in the server's order.
  uint64_t Write(Server* server, const std::string& key, bool late) {
    const uint64_t version = VersionOf(server) + 1;
    const WriteRef write =
        tier_->BeginWrite(Hashed(key), {1, version}, Clock::Real()->NowCoarse(), RemovalCause::kReplaced);
    {
      absl::MutexLock lock(&server->mutex);
      server->version = version;
      server->messages.push_back(version);
    }
    if (late) std::this_thread::yield();
    tier_->EndWrite(write, WriteOutcome::kApplied, Value::Copy(ValueOf(key, version)), kNever);
    return version;
  }

  void BringMessages(Server* server, const std::string& key) {
    std::vector<uint64_t> messages;
    {
      absl::MutexLock lock(&server->mutex);
      messages.swap(server->messages);
    }
    for (const uint64_t version : messages) tier_->Invalidate(Hashed(key), {1, version});
  }

  // 0 if it joined another read.
  uint64_t Read(Server* server, const std::string& key, bool late) {
    const MonotonicNanos now = Clock::Real()->NowCoarse();
    std::string copy;
    if (tier_->GetCopy(Hashed(key), now, &copy)) return CheckedVersion(key, copy);
    Waiter unused = [](const ReadOutcome&) {};
    const ReadStart start = tier_->BeginRead(Hashed(key), now, FlightKind::kRead, &unused);
    if (start.role == ReadStart::Role::kJoin) return 0;
    if (start.role == ReadStart::Role::kHit) return CheckedVersion(key, start.value.view());
    const uint64_t version = VersionOf(server);
    if (late) std::this_thread::yield();
    if (start.role == ReadStart::Role::kBypass) {
      tier_->NoteReply(Hashed(key), {1, version});
      return version;
    }
    ReadOutcome outcome;
    outcome.found = true;
    outcome.value = Value::Copy(ValueOf(key, version));
    outcome.info.id = {1, version};
    tier_->CompleteRead(start.flight, outcome);
    return version;
  }

  std::unique_ptr<LocalTier> tier_;
  std::vector<Server> servers_;
};

TEST(LocalTierStressTest, NoThreadGoesBackInTime) {
  SessionOrder order;
  OnThreads([&](int thread, std::mt19937_64 random) {
    for (int step = 0; step < 30'000 && !testing::Test::HasFailure(); ++step) order.Step(thread, &random);
  });
  EXPECT_GT(order.hits(), 1000u);
}

}  // namespace
}  // namespace nearcache::internal::local
