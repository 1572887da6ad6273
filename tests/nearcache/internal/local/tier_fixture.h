// Verbs for tests of the local tier, so that a test reads as the story of a race.

#ifndef TESTS_NEARCACHE_INTERNAL_LOCAL_TIER_FIXTURE_H_
#define TESTS_NEARCACHE_INTERNAL_LOCAL_TIER_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/fake_clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/value.h"

namespace nearcache::internal::local {

class TierTest : public testing::Test {
 protected:
  using Role = ReadStart::Role;

  static constexpr absl::Duration kStaleness = absl::Milliseconds(100);

  TierTest() {
    options_.clock = &clock_;
    options_.stripe_count = 4;
    options_.staleness_bound = kStaleness;
  }

  // Makes the tier anew from options_.
  void Open() { tier_ = LocalTier::Create(options_); }

  LocalTier& tier() {
    if (tier_ == nullptr) Open();
    return *tier_;
  }

  HashedKey Key(absl::string_view key) { return HashKey(key, tier().hash_seed()); }
  MonotonicNanos now() const { return clock_.Now(); }
  MonotonicNanos In(absl::Duration duration) const { return AddDuration(clock_.Now(), duration); }
  // The id of the n-th write of all; ids of different numbers differ.
  static OperationId Id(uint64_t number) { return {7, number}; }

  // --- Hits

  // What a hit gives; nullopt for a miss.
  absl::optional<std::string> Hit(absl::string_view key) {
    std::string value;
    if (!tier().GetCopy(Key(key), now(), &value)) return absl::nullopt;
    return value;
  }

  // --- Reads

  ReadStart Begin(absl::string_view key, FlightKind kind = FlightKind::kRead) {
    Waiter waiter = [this](const ReadOutcome& outcome) { delivered_.push_back(outcome.value.ToString()); };
    return tier().BeginRead(Key(key), now(), kind, &waiter);
  }
  Role RoleOf(absl::string_view key, FlightKind kind = FlightKind::kRead) { return Begin(key, kind).role; }

  FlightRef Lead(absl::string_view key, FlightKind kind = FlightKind::kRead) {
    const ReadStart start = Begin(key, kind);
    EXPECT_EQ(start.role, Role::kLead);
    return start.flight;
  }

  static ReadOutcome Found(absl::string_view value, OperationId id, MonotonicNanos expires_at = kNever) {
    ReadOutcome outcome;
    outcome.found = true;
    outcome.value = Value::Copy(value);
    outcome.info.id = id;
    outcome.info.expires_at = expires_at;
    return outcome;
  }
  static ReadOutcome NotFound() { return ReadOutcome(); }
  static ReadOutcome Failed() {
    ReadOutcome outcome;
    outcome.status = absl::UnavailableError("no connection");
    return outcome;
  }

  void Complete(const FlightRef& flight, absl::string_view value, OperationId id) {
    tier().CompleteRead(flight, Found(value, id));
  }

  // A whole read that finds `value`.
  void Fill(absl::string_view key, absl::string_view value, OperationId id) { Complete(Lead(key), value, id); }

  // --- Writes

  WriteRef BeginWrite(absl::string_view key, OperationId id, RemovalCause cause = RemovalCause::kReplaced) {
    return tier().BeginWrite(Key(key), id, now(), cause);
  }
  void Acknowledge(const WriteRef& write, absl::string_view value) {
    tier().EndWrite(write, WriteOutcome::kApplied, Value::Copy(value), kNever);
  }

  // --- Events, lane, housekeeping

  void Message(absl::string_view key, OperationId id) { tier().Invalidate(Key(key), id); }
  void Reply(absl::string_view key, OperationId id) { tier().NoteReply(Key(key), id); }

  void OpenLane(absl::Duration lease) { tier().lane(0).Open(In(lease)); }
  void RenewLane(absl::Duration lease) { tier().lane(0).Renew(In(lease)); }
  void CloseLane() { tier().lane(0).Close(); }

  bool Put(absl::string_view key, absl::string_view value, MonotonicNanos expires_at = kNever) {
    return tier().Put(Key(key), value, Id(++puts_), now(), expires_at);
  }

  void MaintainAll() {
    while (tier().Maintain(now(), 1000)) {
    }
  }

  // What the waiters of joined reads were given, in order.
  std::vector<std::string> TakeDelivered() { return std::exchange(delivered_, {}); }

  FakeClock clock_;
  LocalTierOptions options_;
  std::unique_ptr<LocalTier> tier_;
  uint64_t puts_ = 1'000'000;
  std::vector<std::string> delivered_;
};

}  // namespace nearcache::internal::local

#endif  // TESTS_NEARCACHE_INTERNAL_LOCAL_TIER_FIXTURE_H_
