// Contract: changes that are ready together, which a store may commit in one step. Each has its own outcome, those of
// one key keep their order, and what is announced is what was done.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/nearcache/internal/remote/store_contract.h"

namespace nearcache::internal::remote {
namespace {

// How many of the messages name `id`.
int Announcements(const std::vector<std::string>& messages, OperationId id) {
  int count = 0;
  for (const std::string& message : messages) {
    // Behind the two lane ids, of which one may be the same.
    count += absl::StrContains(absl::string_view(message).substr(32), id.ToBytes()) ? 1 : 0;
  }
  return count;
}

TEST_P(StoreContract, ChangesThatAreReadyTogetherAreAllMadeAndAllAnnounced) {
  StoreValue("gone", "old");
  const OperationId before = process().ReadLane().lane;
  std::vector<ChangeRequest> requests;
  std::vector<OperationId> ids;
  for (int i = 0; i < 40; ++i) {
    requests.push_back(process().Request(ChangeKind::kSet, absl::StrCat("k", i), epoch(), absl::StrCat("v", i)));
    if (i == 7) requests.back().time_to_live = absl::Seconds(1000);
  }
  requests.push_back(process().Request(ChangeKind::kDelete, "gone", epoch()));
  requests.push_back(process().Request(ChangeKind::kDelete, "never there", epoch()));
  for (const ChangeRequest& request : requests) ids.push_back(request.id);
  const std::vector<ChangeResult> results = process().ChangeTogether(std::move(requests));
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].status, absl::OkStatus());
    EXPECT_EQ(results[i].applied, i + 1 < results.size()) << i;
  }
  for (int i = 0; i < 40; ++i) EXPECT_EQ(PayloadOf(*server().Peek(absl::StrCat("ns:1:k", i))), absl::StrCat("v", i));
  EXPECT_GT(server().PeekTimeToLive("ns:1:k7").value_or(absl::ZeroDuration()), absl::Seconds(900));
  EXPECT_EQ(server().PeekTimeToLive("ns:1:k8"), absl::nullopt);
  EXPECT_EQ(server().Peek("ns:1:gone"), absl::nullopt);
  const OperationId last = process().ReadLane().lane;
  EXPECT_TRUE(
      Eventually([&] { return absl::StrContains(process().Messages().back().substr(16, 16), last.ToBytes()); }));
  std::vector<std::string> messages = process().Messages();
  messages.erase(messages.begin());
  ExpectChain(messages, before);
  for (const OperationId& id : ids) EXPECT_EQ(Announcements(messages, id), 1) << id;
}

TEST_P(StoreContract, ChangesOfOneKeyThatAreReadyTogetherKeepTheirOrder) {
  std::vector<ChangeRequest> requests;
  requests.push_back(process().Request(ChangeKind::kSet, "other", epoch(), "x"));
  requests.push_back(process().Request(ChangeKind::kSet, "k", epoch(), "1"));
  requests.push_back(process().Request(ChangeKind::kSet, "another", epoch(), "x"));
  requests.push_back(process().Request(ChangeKind::kSet, "k", epoch(), "2"));
  requests.push_back(process().Request(ChangeKind::kDelete, "k", epoch()));
  requests.push_back(process().Request(ChangeKind::kAdd, "k", epoch(), "3"));
  requests.push_back(process().Request(ChangeKind::kReplace, "k", epoch(), "4"));
  requests.push_back(process().Request(ChangeKind::kSet, "k", epoch(), "5"));
  requests.push_back(process().Request(ChangeKind::kAdd, "k", epoch(), "6"));
  const std::vector<ChangeResult> results = process().ChangeTogether(std::move(requests));
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].status, absl::OkStatus());
    EXPECT_EQ(results[i].applied, i + 1 < results.size()) << i;
  }
  EXPECT_EQ(PayloadOf(*server().Peek("ns:1:k")), "5");
}

TEST_P(StoreContract, AClearAmongOthersDividesThem) {
  std::vector<ChangeRequest> requests;
  requests.push_back(process().Request(ChangeKind::kSet, "a", epoch(), "before"));
  requests.push_back(process().Request(ChangeKind::kSet, "b", epoch(), "before"));
  requests.push_back(process().Request(ChangeKind::kSet, "c", epoch(), "before"));
  requests.push_back(process().Request(ChangeKind::kClear, "", epoch()));
  const OperationId cleared = requests.back().id;
  requests.push_back(process().Request(ChangeKind::kSet, "b", cleared, "after"));
  requests.push_back(process().Request(ChangeKind::kSet, "d", cleared, "after"));
  for (const ChangeResult& result : process().ChangeTogether(std::move(requests))) {
    EXPECT_EQ(result.status, absl::OkStatus());
  }
  EXPECT_EQ(process().Read({}, true)->epoch, cleared);
  EXPECT_EQ(PayloadOf(*server().Peek("ns:1:b")), "after");
  EXPECT_EQ(PayloadOf(*server().Peek("ns:1:c")), "before");
}

TEST_P(StoreContract, SetsOfAnotherEpochThatAreReadyTogetherAreAbsentAndTellTheEpoch) {
  std::vector<ChangeRequest> requests;
  requests.push_back(process().Request(ChangeKind::kSet, "good", epoch(), "v"));
  requests.push_back(process().Request(ChangeKind::kSet, "fine", epoch(), "v"));
  requests.push_back(process().Request(ChangeKind::kSet, "stale", {5, 5}, "v"));
  const std::vector<ChangeResult> results = process().ChangeTogether(std::move(requests));
  EXPECT_EQ(results[0].status, absl::OkStatus());
  EXPECT_EQ(results[1].status, absl::OkStatus());
  EXPECT_EQ(results[2].status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(results[2].epoch, epoch());
  EXPECT_EQ(process().ReadTimeToLive("stale")->values[0].state, Fetched::State::kAbsent);
  // The writer tries again, under the epoch that it was told.
  StoreValue("stale", "w");
  EXPECT_EQ(process().ReadTimeToLive("stale")->values[0].state, Fetched::State::kFound);
}

TEST_P(StoreContract, ReadyTogetherOnAFullServerSetsAreRefusedAndDeletesPass) {
  StoreValue("k0", "v");
  server().SetOutOfMemory(true);
  std::vector<ChangeRequest> requests;
  for (int i = 0; i < 6; ++i) {
    const ChangeKind kind = i % 2 == 0 ? ChangeKind::kDelete : ChangeKind::kSet;
    requests.push_back(process().Request(kind, absl::StrCat("k", i), epoch(), "v"));
  }
  const std::vector<ChangeResult> results = process().ChangeTogether(std::move(requests));
  for (size_t i = 0; i < results.size(); ++i) {
    const absl::StatusCode code = i % 2 == 0 ? absl::StatusCode::kOk : absl::StatusCode::kResourceExhausted;
    EXPECT_EQ(results[i].status.code(), code) << results[i].status;
    EXPECT_FALSE(results[i].unknown);
  }
  EXPECT_EQ(server().Peek("ns:1:k0"), absl::nullopt);
  EXPECT_EQ(server().Peek("ns:1:k1"), absl::nullopt);
}

TEST_P(StoreContract, ReadyTogetherOnAReadOnlyServerAllAreRefused) {
  server().SetReadOnly(true);
  std::vector<ChangeRequest> requests;
  for (int i = 0; i < 4; ++i) {
    requests.push_back(process().Request(ChangeKind::kSet, absl::StrCat("k", i), epoch(), "v"));
  }
  for (const ChangeResult& result : process().ChangeTogether(std::move(requests))) {
    EXPECT_EQ(result.status.code(), absl::StatusCode::kUnavailable) << result.status;
    EXPECT_FALSE(result.unknown);
  }
}

}  // namespace
}  // namespace nearcache::internal::remote
