// The counter-examples that the model checker found when one rule of the protocol was taken away, step by step against
// the real coordinator: with the rule, with both kinds of local tier, none of them leads to a stale read; without it
// each still does, which shows that the replay is the counter-example.

#include <functional>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "tests/simulation/mutant.h"
#include "tests/simulation/scene.h"
#include "tests/simulation/simulation.h"

namespace nearcache::simulation {
namespace {

using Reader = std::unique_ptr<Scene::Reader>;

// Replays a trace and returns what the last read got.
struct Trace {
  Mutant mutant;
  OperationTag stale;
  std::function<OperationTag(Scene*)> replay;
};

// A read is under way when the value changes twice; its late reply fills memory (catalogue 1).
OperationTag LateReply(Scene* scene) {
  const Reader reader = scene->BeginRead();
  scene->ExecuteRead(reader.get());
  scene->ForeignWrite();
  scene->ForeignWrite();
  scene->Deliver();
  scene->Deliver();
  scene->AnswerRead(reader.get());
  scene->Tick();
  scene->Heartbeat();
  return scene->Memory();
}

// The process stands still while the value changes (16).
OperationTag PausedProcess(Scene* scene) {
  scene->Read();
  scene->ForeignWrite();
  scene->ForeignWrite();
  scene->Tick();
  scene->Tick();
  return scene->Memory();
}

// Messages are lost with the channel; it comes back and is proven anew (12).
OperationTag ReconnectedChannel(Scene* scene) {
  scene->Read();
  scene->ForeignWrite();
  scene->ForeignWrite();
  scene->CutChannel();
  scene->Tick();
  scene->Subscribe();
  scene->ExecuteLaneRead();
  scene->AnswerLaneRead();
  scene->Tick();
  scene->Heartbeat();
  return scene->Memory();
}

// One message is lost silently, the next is about another key (17, 18).
OperationTag LostMessage(Scene* scene) {
  scene->Read();
  scene->LoseNextMessage();
  scene->ForeignWrite();
  scene->ForeignWriteOfAnotherKey();
  scene->Deliver();
  scene->Tick();
  scene->Heartbeat();
  return scene->Memory();
}

// The last message is lost silently, the connection lives (14).
OperationTag LivingButDeafChannel(Scene* scene) {
  scene->Read();
  scene->LoseNextMessage();
  scene->ForeignWrite();
  scene->Tick();
  scene->Heartbeat();
  return scene->Memory();
}

// Memory is filled between the subscription and its base, which covers a change that was not heard (13).
OperationTag FillBeforeTheBase(Scene* scene) {
  scene->CutChannel();
  scene->Subscribe();
  scene->Read();
  scene->ForeignWrite();
  scene->Tick();
  scene->ExecuteLaneRead();
  scene->AnswerLaneRead();
  return scene->Memory();
}

// An own write is in memory, a reply brings a newer value but may not be stored; then the lease is renewed (3).
OperationTag RefusedReply(Scene* scene) {
  scene->BeginOwnWrite();
  scene->ExecuteOwnWrite();
  scene->AcknowledgeOwnWrite();
  scene->Tick();
  scene->RunTimers();
  scene->ExecuteLaneRead();
  scene->ForeignWrite();
  const Reader reader = scene->BeginRead();
  scene->ExecuteRead(reader.get());
  scene->Deliver();
  scene->AnswerRead(reader.get());
  scene->AnswerLaneRead();
  return scene->Memory();
}

// Two events void a read; the delayed acknowledgement of the own write carries the fetched value's id again (5).
OperationTag LaterEventOfTheSameId(Scene* scene) {
  scene->BeginOwnWrite();
  scene->ExecuteOwnWrite();
  const Reader reader = scene->BeginRead();
  scene->ExecuteRead(reader.get());
  scene->ForeignWrite();
  scene->Deliver();
  scene->Deliver();
  scene->AcknowledgeOwnWrite();
  scene->AnswerRead(reader.get());
  scene->Tick();
  scene->Heartbeat();
  return scene->Memory();
}

// A second reader comes when the first one's flight is void already (6a).
OperationTag JoinedVoidFlight(Scene* scene) {
  scene->BeginOwnWrite();
  scene->ExecuteOwnWrite();
  const Reader first = scene->BeginRead();
  scene->AcknowledgeOwnWrite();
  scene->ExecuteRead(first.get());
  scene->ForeignWrite();
  scene->Deliver();
  scene->Deliver();
  scene->Tick();
  scene->Heartbeat();
  const Reader second = scene->BeginRead();
  if (!second->done && second->start.role != internal::local::ReadStart::Role::kJoin) scene->ExecuteRead(second.get());
  scene->AnswerRead(first.get());
  if (!second->done) scene->AnswerRead(second.get());
  return second->got;
}

// A second reader comes long after the first one's flight began, over a channel that missed what happened since (6b).
OperationTag JoinedOldFlight(Scene* scene) {
  const Reader first = scene->BeginRead();
  scene->ExecuteRead(first.get());
  scene->ForeignWrite();
  scene->CutChannel();
  scene->Subscribe();
  scene->ExecuteLaneRead();
  scene->AnswerLaneRead();
  scene->CutChannel();
  scene->Tick();
  scene->Tick();
  const Reader second = scene->BeginRead();
  if (second->start.role != internal::local::ReadStart::Role::kJoin) scene->ExecuteRead(second.get());
  scene->AnswerRead(first.get());
  if (!second->done) scene->AnswerRead(second.get());
  return second->got;
}

// A read brings a newer value before the own write is acknowledged (4).
OperationTag WriteOverANewerRead(Scene* scene) {
  scene->BeginOwnWrite();
  scene->ExecuteOwnWrite();
  scene->ForeignWrite();
  scene->Read();
  scene->AcknowledgeOwnWrite();
  return scene->Memory();
}

// A read began before the own write and ends after its acknowledgement (2).
OperationTag ReplyAfterAnOwnWrite(Scene* scene) {
  scene->BeginOwnWrite();
  const Reader reader = scene->BeginRead();
  scene->ExecuteRead(reader.get());
  scene->ExecuteOwnWrite();
  scene->AcknowledgeOwnWrite();
  scene->AnswerRead(reader.get());
  return scene->Memory();
}

// The same, but the read began before the write: on the real tier, too, there is a flight then.
OperationTag ReplyAroundAnOwnWrite(Scene* scene) {
  const Reader reader = scene->BeginRead();
  scene->ExecuteRead(reader.get());
  scene->BeginOwnWrite();
  scene->ExecuteOwnWrite();
  scene->AcknowledgeOwnWrite();
  scene->AnswerRead(reader.get());
  return scene->Memory();
}

// A value that the fail-over loses is in memory, and the lane looks as it did before it was written (23).
OperationTag LossyFailOver(Scene* scene) {
  scene->ForeignWrite();
  scene->Read();
  scene->FailOverLosing(/*value=*/Scene::Initial(), /*lane=*/Scene::Initial());
  scene->Tick();
  scene->Heartbeat();
  return scene->Memory();
}

// The writer dies between the value and its announcement (9).
OperationTag DyingWriter(Scene* scene) {
  scene->Read();
  scene->ForeignWriteByDyingWriter();
  scene->Tick();
  scene->Heartbeat();
  return scene->Memory();
}

// Memory is filled between an announcement and the change that it announces (10).
OperationTag AnnouncementBeforeTheChange(Scene* scene) {
  scene->BeginForeignWrite();
  scene->DeliverAll();
  scene->Read();
  scene->EndForeignWrite();
  scene->Tick();
  scene->Heartbeat();
  return scene->Memory();
}

// As many changes were heard of the old primary as there were on the new one, but not the same (19).
OperationTag EqualCountsOfTwoHistories(Scene* scene) {
  scene->FailOver();
  scene->StrayWrite();
  scene->DeliverAll();
  scene->Read();
  scene->ForeignWrite();
  scene->Tick();
  scene->Heartbeat();
  return scene->Memory();
}

// The old primary answers each PING, and all changes are made elsewhere (19).
OperationTag DeafAfterAFailOver(Scene* scene) {
  scene->Read();
  scene->FailOver();
  scene->ForeignWrite();
  scene->ForeignWrite();
  scene->Tick();
  scene->Heartbeat();
  return scene->Memory();
}

struct NamedTrace {
  const char* name;
  Trace trace;
};

const NamedTrace kTraces[] = {
    {"NO_TOKEN", {Mutant::kNoToken, Scene::Initial(), LateReply}},
    {"NO_LEASE", {Mutant::kNoLease, Scene::Initial(), PausedProcess}},
    {"NO_GEN", {Mutant::kNoGeneration, Scene::Initial(), ReconnectedChannel}},
    {"NO_CHAIN", {Mutant::kNoChain, Scene::Initial(), LostMessage}},
    {"PING_HB", {Mutant::kPingHeartbeat, Scene::Initial(), LivingButDeafChannel}},
    {"EARLY_FILL", {Mutant::kEarlyFill, Scene::Initial(), FillBeforeTheBase}},
    {"KEEP_OLDER", {Mutant::kKeepOlder, Scene::Own(1), RefusedReply}},
    {"SOFT_VOID", {Mutant::kSoftVoid, Scene::Own(1), LaterEventOfTheSameId}},
    {"JOIN_ANY", {Mutant::kJoinAny, Scene::Own(1), JoinedVoidFlight}},
    {"JOIN_OLD", {Mutant::kJoinOld, Scene::Initial(), JoinedOldFlight}},
    {"WT_BLIND", {Mutant::kWriteBlind, Scene::Own(1), WriteOverANewerRead}},
    {"NO_ACKVOID", {Mutant::kNoAckVoid, Scene::Initial(), ReplyAfterAnOwnWrite}},
    {"NO_ACKVOID_around", {Mutant::kNoAckVoid, Scene::Initial(), ReplyAroundAnOwnWrite}},
    {"NO_PAIR", {Mutant::kNoPair, Scene::Foreign(1), LossyFailOver}},
    {"NO_ATOMIC", {Mutant::kNotAtomic, Scene::Initial(), DyingWriter}},
    {"PUB_FIRST", {Mutant::kPublishFirst, Scene::Initial(), AnnouncementBeforeTheChange}},
    {"COUNT_HB", {Mutant::kCountHeartbeat, Scene::Initial(), EqualCountsOfTwoHistories}},
    {"PING_HB_failover", {Mutant::kPingHeartbeat, Scene::Initial(), DeafAfterAFailOver}},
};

class TraceTest : public ::testing::TestWithParam<NamedTrace> {};

TEST_P(TraceTest, IsHarmlessWithTheRealTier) {
  Scene scene(TierKind::kReal, Mutant::kNone);
  EXPECT_NE(GetParam().trace.replay(&scene), GetParam().trace.stale);
}

TEST_P(TraceTest, IsHarmlessWithTheReferenceTier) {
  Scene scene(TierKind::kReference, Mutant::kNone);
  EXPECT_NE(GetParam().trace.replay(&scene), GetParam().trace.stale);
}

TEST_P(TraceTest, IsStaleWithoutTheRule) {
  Scene scene(TierKind::kReference, GetParam().trace.mutant);
  EXPECT_EQ(GetParam().trace.replay(&scene), GetParam().trace.stale);
}

INSTANTIATE_TEST_SUITE_P(Model, TraceTest, ::testing::ValuesIn(kTraces),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace nearcache::simulation
