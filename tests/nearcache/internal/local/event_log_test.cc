#include "nearcache/internal/local/event_log.h"

#include "gtest/gtest.h"
#include "nearcache/internal/base/operation_id.h"

namespace nearcache::internal::local {
namespace {

const OperationId kA{1, 1};
const OperationId kB{1, 2};

TEST(EventLogTest, WithoutEventsEveryValueIsAllowed) {
  const EventLog log;
  EXPECT_TRUE(log.none());
  EXPECT_TRUE(log.Allows(kA));
  EXPECT_TRUE(log.Allows(OperationId()));
}

TEST(EventLogTest, EventsWithOneIdAllowThatValueAlone) {
  EventLog log;
  log.Note(kA);
  log.Note(kA);
  EXPECT_FALSE(log.none());
  EXPECT_FALSE(log.is_void());
  EXPECT_TRUE(log.Allows(kA));
  EXPECT_FALSE(log.Allows(kB));
  EXPECT_FALSE(log.Allows(OperationId()));
}

TEST(EventLogTest, DifferentIdsVoidForGood) {
  EventLog log;
  log.Note(kA);
  log.Note(kB);
  log.Note(kA);
  EXPECT_TRUE(log.is_void());
  EXPECT_FALSE(log.Allows(kA));
  EXPECT_FALSE(log.Allows(kB));
}

TEST(EventLogTest, AnUnknownIdVoidsAtOnce) {
  EventLog log;
  log.Note(OperationId());
  EXPECT_TRUE(log.is_void());
  EXPECT_FALSE(log.none());
  EXPECT_FALSE(log.Allows(OperationId()));
  log.Note(kA);
  EXPECT_FALSE(log.Allows(kA));
}

}  // namespace
}  // namespace nearcache::internal::local
