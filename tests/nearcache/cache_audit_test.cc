// What a user sees of coherence: events with their causes, counters, and the audit of a whole cache.

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status_matchers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/cache.h"
#include "nearcache/coherence_event.h"
#include "tests/nearcache/cache_processes.h"
#include "tests/support/redis_server.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using absl_testing::IsOkAndHolds;
using ::testing::HasSubstr;

using Kind = CoherenceEvent::Kind;
using Cause = CoherenceEvent::Cause;

class CoherenceEvents : public CacheProcesses {
 protected:
  Options Listening() {
    Options options = DefaultOptions();
    options.coherence.on_event = [this](const CoherenceEvent& event) { events_.push_back(event); };
    return options;
  }

  // The end of the first generation, once another one has begun.
  const CoherenceEvent& End() {
    while (events_.size() < 3 || events_.back().kind != Kind::kGenerationOpened) Advance(absl::Milliseconds(50));
    EXPECT_EQ(events_[0].kind, Kind::kGenerationOpened);
    EXPECT_EQ(events_[1].kind, Kind::kGenerationEnded);
    return events_[1];
  }

  std::vector<CoherenceEvent> events_;
  Process process_ = Open(Listening());
  Process other_ = Open();
};

TEST_F(CoherenceEvents, AGapIsReportedWithWhatItMadeSuspect) {
  ASSERT_THAT(Set(process_, "a", "1"), IsOk());
  ASSERT_THAT(Set(process_, "b", "1"), IsOk());
  process_.store->DropMessages(1);
  ASSERT_THAT(Set(other_, "x", "1"), IsOk());
  ASSERT_THAT(Set(other_, "y", "1"), IsOk());
  EXPECT_EQ(End().cause, Cause::kGap);
  EXPECT_EQ(End().suspect_entries, 2);
  EXPECT_LE(End().heartbeat_age, kBound);
  EXPECT_THAT(End().text, HasSubstr("2 entries are suspect"));
  const CacheStats stats = process_.cache->GetStats();
  EXPECT_EQ(stats.gaps_detected, 1);
  EXPECT_EQ(stats.suspect_entries, 2);
}

TEST_F(CoherenceEvents, ALostChannelIsReported) {
  process_.store->CutChannel();
  EXPECT_EQ(End().cause, Cause::kChannelLost);
  EXPECT_EQ(process_.cache->GetStats().channel_losses, 1);
}

TEST_F(CoherenceEvents, AMessageThatNeverComesIsReportedAsATimeout) {
  process_.store->DropMessages(1);
  ASSERT_THAT(Set(other_, "x", "1"), IsOk());
  EXPECT_EQ(End().cause, Cause::kHeartbeatTimeout);
}

TEST_F(CoherenceEvents, AServerThatForgotIsReportedAndCountedByItsCause) {
  server_.FlushAll();
  EXPECT_EQ(End().cause, Cause::kLaneMissing);
  EXPECT_EQ(process_.cache->GetStats().lanes_missing, 1);
  // The base of the next generation shows the other half of the loss.
  EXPECT_EQ(process_.cache->GetStats().epochs_changed, 1);
  EXPECT_EQ(process_.cache->GetStats().remote_resets, 2);
}

// --- The audit

class CacheAudit : public CacheProcesses {
 protected:
  Options Auditing() {
    Options options = DefaultOptions();
    options.audit.hit_share = 1;
    options.coherence.on_event = [this](const CoherenceEvent& event) {
      if (event.kind == Kind::kStaleValue) stale_.push_back(event.key);
    };
    return options;
  }

  // Reads until `checks` comparisons were made, and two bounds longer.
  void ReadUntilChecked(absl::string_view key, uint64_t checks) {
    while (process_.cache->GetStats().audit_checks < checks) {
      Memory(process_, key);
      Advance(absl::Milliseconds(20));
    }
    Advance(2 * kBound);
  }

  std::vector<std::string> stale_;
  Process process_ = Open(Auditing());
  Process other_ = Open();
};

TEST_F(CacheAudit, AHealthyCacheShowsNothingWhateverIsWritten) {
  for (int i = 0; i < 30; ++i) {
    ASSERT_THAT(Set(i % 2 == 0 ? process_ : other_, "k", absl::StrCat(i)), IsOk());
    ASSERT_THAT(Get(process_, "k"), IsOk());
    Memory(process_, "k");
    if (i % 10 == 9) {
      EXPECT_THAT(Clear(other_), IsOk());
    }
    Advance(absl::Milliseconds(100));
  }
  ASSERT_THAT(Set(process_, "k", "last"), IsOk());
  ReadUntilChecked("k", 1);
  EXPECT_EQ(process_.cache->GetStats().audit_stale, 0);
  EXPECT_EQ(process_.cache->GetStats().audit_missing, 0);
}

TEST_F(CacheAudit, FindsAWriteThatNobodyAnnounced) {
  ASSERT_THAT(Set(process_, "k", "old"), IsOk());
  const std::string old_frame = *server_.Peek(":1:k");
  ASSERT_THAT(Set(process_, "k", "new"), IsOk());
  server_.Put(":1:k", old_frame);
  ReadUntilChecked("k", 1);
  EXPECT_EQ(process_.cache->GetStats().audit_stale, 1);
  EXPECT_THAT(stale_, ::testing::ElementsAre("k"));
  EXPECT_THAT(Get(process_, "k"), IsOkAndHolds(Value::Copy("old")));
}

TEST_F(CacheAudit, CostsNothingAndCountsNothingWhenItIsOff) {
  ASSERT_THAT(Set(other_, "k", "1"), IsOk());
  for (int i = 0; i < 100; ++i) Memory(other_, "k");
  const CacheStats stats = other_.cache->GetStats();
  EXPECT_EQ(stats.audit_checks + stats.audit_skipped, 0);
}

// A real server, in which a write of this library is put in place behind everybody's back.
TEST(CacheAuditServerTest, FindsAPlantedValue) {
  auto server = RedisServer::Start(RedisServerOptions());
  ASSERT_THAT(server, IsOk());
  absl::Mutex mutex;
  std::string found;
  Options options;
  options.remote.unix_socket = (*server)->socket_path();
  options.key_prefix = "audit";
  options.coherence.staleness_bound = absl::Milliseconds(100);
  options.audit.hit_share = 1;
  options.coherence.on_event = [&](const CoherenceEvent& event) {
    if (event.kind != Kind::kStaleValue) return;
    absl::MutexLock lock(&mutex);
    found = event.key;
  };
  auto cache = Cache::Open(options);
  ASSERT_THAT(cache, IsOk());
  ASSERT_THAT((*cache)->WaitUntilReady(absl::Seconds(10)), IsOk());
  ASSERT_THAT((*cache)->Set("k", "old"), IsOk());
  const auto frame = (*cache)->Execute({"GET", "audit:1:k"});
  ASSERT_THAT(frame, IsOk());
  ASSERT_THAT((*cache)->Set("k", "new"), IsOk());
  ASSERT_THAT((*cache)->Execute({"SET", "audit:1:k", frame->string.view()}), IsOk());
  const auto is_found = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex) { return !found.empty(); };
  for (bool done = false; !done;) {
    // Memory may lose it before it was checked long enough: on a busy machine a heartbeat comes late.
    bool behind = false;
    static_cast<void>((*cache)->Read("k", [&behind](absl::string_view value) { behind = value == "new"; }));
    if (!behind) {
      ASSERT_THAT((*cache)->Set("k", "new"), IsOk());
      ASSERT_THAT((*cache)->Execute({"SET", "audit:1:k", frame->string.view()}), IsOk());
    }
    absl::MutexLock lock(&mutex);
    done = mutex.AwaitWithTimeout(absl::Condition(&is_found), absl::Milliseconds(10));
  }
  EXPECT_EQ(found, "k");
  EXPECT_GE((*cache)->GetStats().audit_stale, 1);
  EXPECT_GT((*cache)->GetStats().audit_staleness.max, absl::Milliseconds(100));
  EXPECT_THAT((*cache)->Get("k"), IsOkAndHolds(Value::Copy("old")));
}

}  // namespace
}  // namespace nearcache::testing
