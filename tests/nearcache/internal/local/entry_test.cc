#include "nearcache/internal/local/entry.h"

#include <string>

#include "gtest/gtest.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/value.h"

namespace nearcache::internal::local {
namespace {

constexpr MonotonicNanos kStep = FetchTime::kStepNanos;

Entry* MakeEntry(absl::string_view key, absl::string_view value, const EntryInfo& info) {
  return Entry::Make(HashKey(key, 1), value, {info, /*generation=*/3, /*era=*/4, /*lane=*/5});
}

TEST(EntryTest, HasWhatItWasMadeOf) {
  const EntryInfo info{OperationId{6, 7}, 8 * kStep, 9'000};
  Entry* const entry = MakeEntry("key", "value", info);
  EXPECT_EQ(entry->key(), "key");
  EXPECT_EQ(entry->value(), "value");
  EXPECT_EQ(entry->info().id, OperationTag(6, 7));
  EXPECT_EQ(entry->info().fetched_at, 8 * kStep);
  EXPECT_EQ(entry->info().expires_at, 9'000);
  EXPECT_EQ(entry->generation, 3u);
  EXPECT_EQ(entry->era, 4u);
  EXPECT_EQ(entry->lane, 5u);
  EXPECT_EQ(entry->hash, static_cast<uint32_t>(HashKey("key", 1).hash));
  entry->Unref();
}

TEST(EntryTest, HoldsBytesOfAnySize) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{100'000}, Entry::kKeySizeMax}) {
    const std::string key(size, 'k');
    const std::string value(2 * size, 'v');
    Entry* const entry = MakeEntry(key, value, EntryInfo());
    EXPECT_EQ(entry->key(), key);
    EXPECT_EQ(entry->value(), value);
    EXPECT_GE(entry->AllocatedSize(), Entry::BlockSize(size, 2 * size));
    entry->Unref();
  }
}

TEST(EntryTest, AValueKeepsTheBlock) {
  Entry* const entry = MakeEntry("key", "value", EntryInfo());
  entry->Ref();
  const Value value = Value::FromBlock(entry, entry->value());
  entry->Unref();
  EXPECT_EQ(value.view(), "value");
}

TEST(FetchTimeTest, IsNeverLaterThanTheFetchAndLessThanAStepEarlier) {
  const MonotonicNanos long_ago = MonotonicNanos{34} * 365 * 86'400 * 1'000'000'000;
  for (const MonotonicNanos time : {MonotonicNanos{0}, kStep - 1, kStep, 3 * kStep + 1, long_ago}) {
    Entry* const entry = MakeEntry("key", "value", {OperationId(), time, kNever});
    EXPECT_LE(entry->fetched_at(), time);
    EXPECT_GT(entry->fetched_at(), time - kStep);
    EXPECT_EQ(entry->fetched_at(), FetchTime::Round(time));
    entry->Unref();
  }
}

TEST(DeadlineTest, IsNeverLaterThanItShouldBeAndLessThanAStepEarlier) {
  const MonotonicNanos far_away = kNever - 2 * Deadline::kStepNanos;
  for (const MonotonicNanos time : {MonotonicNanos{0}, MonotonicNanos{999}, MonotonicNanos{1'000'001}, far_away}) {
    Entry* const entry = MakeEntry("key", "value", {OperationId(), 0, time});
    EXPECT_LE(entry->expires_at(), time);
    EXPECT_GT(entry->expires_at(), time - Deadline::kStepNanos);
    entry->Unref();
  }
}

TEST(DeadlineTest, IsAskedForAsItIsTold) {
  for (const MonotonicNanos end : {MonotonicNanos{0}, MonotonicNanos{999}, MonotonicNanos{5'000}, kNever - 1, kNever}) {
    const uint64_t steps = Deadline::StepsOf(end);
    const MonotonicNanos told = Deadline::TimeOf(steps);
    for (const MonotonicNanos time : {MonotonicNanos{0}, MonotonicNanos{4'999}, MonotonicNanos{5'000}, kNever / 2}) {
      EXPECT_EQ(Deadline::IsBefore(time, steps), time < told) << time << " and " << end;
    }
  }
  EXPECT_LT(Deadline::TimeOf(Deadline::StepsOf(kNever - 1)), kNever) << "an end is not the same as none";
}

TEST(DeadlineTest, NeverStaysNeverAndThePastStaysThePast) {
  EXPECT_EQ(Deadline::TimeOf(Deadline::StepsOf(kNever)), kNever);
  EXPECT_EQ(Deadline::TimeOf(Deadline::StepsOf(-5)), 0);
}

TEST(FetchTimeTest, WhatItCannotSayIsItsNearerEnd) {
  EXPECT_EQ(FetchTime::Round(-5), 0);
  EXPECT_EQ(FetchTime::Round(kNever), ((MonotonicNanos{1} << 40) - 1) * kStep);
}

}  // namespace
}  // namespace nearcache::internal::local
