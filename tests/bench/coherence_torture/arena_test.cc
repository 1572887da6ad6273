#include "bench/coherence_torture/arena.h"

#include <unistd.h>

#include <cstdint>
#include <memory>
#include <set>

#include "absl/status/status.h"
#include "bench/processes/version_table.h"
#include "bench/processes/worker_status.h"
#include "gtest/gtest.h"

namespace nearcache::bench::torture {
namespace {

Setup SmallSetup() {
  Setup setup;
  setup.worker_count = 3;
  setup.key_count = 100;
  setup.bound_nanos = 77;
  setup.start_nanos = 5;
  return setup;
}

TEST(ArenaTest, SecondMappingSeesTheSameTruth) {
  const std::unique_ptr<Arena> creator = *Arena::Create(SmallSetup());
  const std::unique_ptr<Arena> worker = *Arena::Attach(dup(creator->descriptor()));
  EXPECT_EQ(worker->setup().bound_nanos, 77);
  EXPECT_EQ(worker->keys().key_count(), 100u);
  worker->versions().End(9, worker->versions().Begin(9, 1), WriteOutcome::kAcknowledged, 2);
  EXPECT_EQ(creator->versions().Find(9, 0).newest_begun, 1u);
  worker->sightings().NoteInFlight(9, 1, 7);
  EXPECT_TRUE(creator->sightings().SeenInFlight(9, 1));
  worker->worker(2).counts[kMisses].fetch_add(4);
  EXPECT_EQ(creator->worker(2).counts[kMisses].load(), 4u);
  worker->worker(2).status.Fail(absl::UnavailableError("gone"));
  EXPECT_EQ(creator->worker_statuses()[2]->state.load(), WorkerState::kFailed);
  EXPECT_STREQ(creator->worker_statuses()[2]->error, "UNAVAILABLE: gone");
}

TEST(ArenaTest, PartsDoNotOverlap) {
  const std::unique_ptr<Arena> arena = *Arena::Create(SmallSetup());
  for (uint32_t worker = 0; worker < 3; ++worker) {
    arena->worker(worker).gauges[kGaugeCount - 1].store(-1);
    arena->worker(worker).has_baseline.store(1);
    for (uint32_t i = 0; i < 5000; ++i) arena->mailbox(worker).Send(i);
  }
  for (uint32_t key = 0; key < 100; ++key) {
    EXPECT_EQ(arena->versions().Find(key, 0).newest_begun, 0u);
    EXPECT_EQ(arena->versions().LastEndNanos(key), 0);
    EXPECT_FALSE(arena->sightings().SeenInFlight(key, 1));
    arena->sightings().NoteInFlight(key, 1, 10);
  }
  for (uint32_t key = 0; key < 100; ++key) EXPECT_EQ(arena->versions().Begin(key, 1), 1u);
  EXPECT_EQ(arena->violations().Total(), 0u);
  EXPECT_EQ(arena->worker(0).counts[0].load(), 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(&arena->worker(1)) % 64, 0u);
}

TEST(ArenaTest, DescriptorOfSomethingElseIsRefused) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_EQ(Arena::Attach(ends[0]).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(Arena::Attach(-1).ok());
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace nearcache::bench::torture
