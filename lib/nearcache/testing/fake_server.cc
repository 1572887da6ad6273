#include "nearcache/testing/fake_server.h"

#include <algorithm>
#include <utility>

namespace nearcache::internal::remote {

absl::optional<std::string> FakeServer::Peek(absl::string_view key) {
  absl::optional<std::string> bytes;
  loop_.Run([&] {
    const FakeKeyspace::Entry* const entry = keyspace_.Find(key, loop_.Now());
    if (entry != nullptr && !entry->other_type) bytes = entry->bytes;
  });
  return bytes;
}

absl::optional<absl::Duration> FakeServer::PeekTimeToLive(absl::string_view key) {
  absl::optional<absl::Duration> life;
  loop_.Run([&] { life = keyspace_.Fetch(key, loop_.Now()).time_to_live; });
  return life;
}

void FakeServer::Put(absl::string_view key, absl::string_view bytes, absl::Duration time_to_live) {
  loop_.Run([&] { keyspace_.Put(key, {std::string(bytes), false, AddDuration(loop_.Now(), time_to_live)}); });
}

void FakeServer::PutOtherType(absl::string_view key) {
  loop_.Run([&] { keyspace_.Put(key, {"", /*other_type=*/true}); });
}

bool FakeServer::HoldsOtherType(absl::string_view key) {
  bool holds = false;
  loop_.Run([&] {
    const FakeKeyspace::Entry* const entry = keyspace_.Find(key, loop_.Now());
    holds = entry != nullptr && entry->other_type;
  });
  return holds;
}

void FakeServer::Erase(absl::string_view key) {
  loop_.Run([&] { keyspace_.Erase(key); });
}

void FakeServer::FlushAll() {
  loop_.Run([&] { keyspace_.Clear(); });
}

void FakeServer::Publish(absl::string_view channel, absl::string_view payload) {
  loop_.Run([&] { PublishNow(channel, payload); });
}

void FakeServer::SetRefusals(FakeRefusals refusals) {
  loop_.Run([&] { refusals_ = std::move(refusals); });
}

void FakeServer::SetReachable(bool reachable) {
  loop_.Run([&] {
    if (reachable_ == reachable) return;
    reachable_ = reachable;
    const std::vector<FakePeer*> peers = peers_;
    for (FakePeer* peer : peers) {
      if (reachable) {
        peer->OnServerBack();
      } else {
        peer->OnServerGone(absl::UnavailableError("the fake server was made unreachable"));
      }
    }
  });
}

void FakeServer::Restart(bool keep_data) {
  loop_.Run([&] {
    if (!keep_data) keyspace_.Clear();
    RestartNow();
  });
}

FakeKeyspace FakeServer::TakeSnapshot() {
  FakeKeyspace snapshot;
  loop_.Run([&] { snapshot = keyspace_; });
  return snapshot;
}

void FakeServer::RestartWith(FakeKeyspace snapshot) {
  loop_.Run([&] {
    keyspace_ = std::move(snapshot);
    RestartNow();
  });
}

void FakeServer::RestartNow() {
  ++identity_;
  const std::vector<FakePeer*> peers = peers_;
  for (FakePeer* peer : peers) peer->OnServerGone(absl::UnavailableError("the fake server was restarted"));
}

void FakeServer::Detach(FakePeer* peer) { peers_.erase(std::remove(peers_.begin(), peers_.end(), peer), peers_.end()); }

void FakeServer::PublishNow(absl::string_view channel, absl::string_view payload) {
  for (FakePeer* peer : peers_) peer->OnPublished(channel, payload);
}

}  // namespace nearcache::internal::remote
