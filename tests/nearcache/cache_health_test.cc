// Every way in which memory ceases to be vouched for, as a user is told of it: the event with its cause, the counter,
// and Health with the reason in words.

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status_matchers.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/cache.h"
#include "nearcache/coherence_event.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/stats.h"
#include "tests/nearcache/cache_processes.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using ::testing::HasSubstr;
using Cause = CoherenceEvent::Cause;

class CacheHealth;

struct Loss {
  std::string name;
  std::function<void(CacheHealth&)> provoke;
  Cause cause;
  uint64_t CacheStats::* counter;
  HealthState state;
  std::string words;
};

class CacheHealth : public CacheProcesses, public ::testing::WithParamInterface<Loss> {
 public:
  void WriteElsewhere() { ASSERT_THAT(Set(other_, "x", "1"), IsOk()); }
  void Wait(absl::Duration time) {
    for (absl::Duration step = absl::Milliseconds(50); time > absl::ZeroDuration(); time -= step) Advance(step);
  }
  // Which a fake store would do again and again without any time passing.
  void KeepOtherFromConnecting() { other_.store->HoldConnects(true); }
  internal::remote::FakeStore& store() { return *process_.store; }
  internal::remote::FakeServer& server() { return server_; }
  internal::FakeClock& clock() { return clock_; }

 protected:
  Options Listening() {
    Options options = DefaultOptions();
    options.coherence.foreign_writers = true;
    options.coherence.on_event = [this](const CoherenceEvent& event) { events_.push_back(event); };
    return options;
  }

  std::vector<CoherenceEvent> events_;
  Process process_ = Open(Listening());
  Process other_ = Open();
};

TEST_P(CacheHealth, IsToldWithItsCauseAndEndsWithTheLoss) {
  ASSERT_THAT(Set(process_, "a", "1"), IsOk());
  ASSERT_EQ(process_.cache->Health().state, HealthState::kHealthy);
  ASSERT_EQ(process_.cache->Health().reason, "");
  events_.clear();
  store().HoldConnects(true);
  GetParam().provoke(*this);
  Wait(2 * kBound);
  const HealthReport health = process_.cache->Health();
  EXPECT_EQ(health.state, GetParam().state);
  EXPECT_THAT(health.reason, HasSubstr(GetParam().words));
  ASSERT_FALSE(events_.empty());
  EXPECT_EQ(events_[0].kind, CoherenceEvent::Kind::kGenerationEnded);
  EXPECT_EQ(events_[0].cause, GetParam().cause);
  EXPECT_THAT(events_[0].text, HasSubstr("memory is not vouched for any more"));
  const CacheStats stats = process_.cache->GetStats();
  EXPECT_EQ(stats.*GetParam().counter, 1u);
  EXPECT_GE(stats.generations, 1u);
  EXPECT_GE(stats.heartbeat_age, kBound);
  server_.SetRefusals({});
  store().HoldConnects(false);
  Wait(5 * kBound);
  EXPECT_EQ(process_.cache->Health().state, HealthState::kHealthy) << process_.cache->Health().reason;
  EXPECT_EQ(process_.cache->Health().reason, "");
  EXPECT_LT(process_.cache->GetStats().heartbeat_age, kBound);
}

const char kLane[] = ":nearcache:lane";
const char kEpoch[] = ":nearcache:epoch";

std::vector<Loss> Losses() {
  return {
      {"Gap",
       [](CacheHealth& test) {
         test.store().DropMessages(1);
         test.WriteElsewhere();
         test.WriteElsewhere();
       },
       Cause::kGap, &CacheStats::gaps_detected, HealthState::kDegraded, "a message was missed"},
      {"ChannelLost", [](CacheHealth& test) { test.store().CutChannel(); }, Cause::kChannelLost,
       &CacheStats::channel_losses, HealthState::kDegraded, "no invalidation channel"},
      {"HeartbeatTimeout",
       [](CacheHealth& test) {
         test.store().DropMessages(1);
         test.WriteElsewhere();
       },
       Cause::kHeartbeatTimeout, &CacheStats::heartbeat_timeouts, HealthState::kDegraded,
       "was not heard within the bound"},
      {"LaneMissing", [](CacheHealth& test) { test.server().Erase(kLane); }, Cause::kLaneMissing,
       &CacheStats::lanes_missing, HealthState::kDegraded, "the server lost the lane register"},
      {"LaneRegressed",
       [](CacheHealth& test) {
         const std::string before = *test.server().Peek(kLane);
         test.WriteElsewhere();
         test.Wait(absl::Milliseconds(300));
         test.server().Put(kLane, before);
       },
       Cause::kLaneRegressed, &CacheStats::lanes_regressed, HealthState::kDegraded, "went back"},
      {"EpochChanged", [](CacheHealth& test) { test.server().Put(kEpoch, internal::OperationId{77, 1}.ToBytes()); },
       Cause::kEpochChanged, &CacheStats::epochs_changed, HealthState::kDegraded, "epoch changed"},
      {"ServerLeft",
       [](CacheHealth& test) {
         test.KeepOtherFromConnecting();
         internal::remote::FakeRefusals refusals;
         refusals.writes = "READONLY You can't write against a read only replica.";
         test.server().SetRefusals(refusals);
       },
       Cause::kServerLeft, &CacheStats::servers_left, HealthState::kDown, "refuses writes"},
      {"Suspended", [](CacheHealth& test) { test.clock().Suspend(absl::Seconds(9)); }, Cause::kSuspended,
       &CacheStats::suspensions, HealthState::kDegraded, "the machine was suspended"},
      {"Flushed", [](CacheHealth& test) { test.store().ReportFlush(); }, Cause::kFlushed, &CacheStats::remote_flushes,
       HealthState::kDegraded, "a database of the server was flushed"},
  };
}

INSTANTIATE_TEST_SUITE_P(Losses, CacheHealth, ::testing::ValuesIn(Losses()),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace nearcache::testing
