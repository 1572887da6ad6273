// The part of RedisStore that hears of strangers' writes.

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nearcache/internal/remote/redis_store.h"
#include "nearcache/internal/remote/server_error.h"

namespace nearcache::internal::remote {
namespace {

constexpr int kPingsPerFence = 2;

}  // namespace

// --- What the server reports

// The message of the probe was heard. With foreign writers the report of the key that it touched has to follow.
void RedisStore::HearProbe() {
  probe_announced_ = true;
  if (foreign_prefix_.empty()) Perform(session_.OnProbeHeard(), absl::OkStatus());
}

void RedisStore::OnInvalidation(const Reply& keys) {
  const auto is_probe = [this](const Reply& key) { return key.text() == foreign_prefix_; };
  // The report of another process' probe shows the same.
  if (probe_announced_ && session_.state() == Session::State::kProbing &&
      std::any_of(keys.elements.begin(), keys.elements.end(), is_probe)) {
    Perform(session_.OnProbeHeard(), absl::OkStatus());
  }
  if (session_.state() != Session::State::kUp) return;
  if (keys.is_nil()) return events_->OnServerFlushed();
  std::vector<absl::string_view> touched;
  touched.reserve(keys.elements.size());
  for (const Reply& key : keys.elements) {
    if (!absl::StartsWith(key.text(), foreign_prefix_)) {
      foreign_unknown_.fetch_add(1, std::memory_order_relaxed);
    } else if (!is_probe(key)) {
      touched.push_back(key.text().substr(foreign_prefix_.size()));
    }
  }
  if (!touched.empty()) events_->OnKeysTouched(touched);
}

// --- The fence

struct RedisStore::FencedReading {
  LaneReading reading;
  LaneCallback done;  // Empty: it was called.

  void End(absl::Status status) {
    if (done == nullptr) return;
    if (!status.ok()) reading.status = std::move(status);
    std::exchange(done, nullptr)(std::move(reading));
  }
};

void RedisStore::ReadLane(MonotonicNanos deadline, LaneCallback done) {
  if (foreign_prefix_.empty()) return ReadLaneAlone(deadline, std::move(done));
  ReadLaneAlone(deadline, [this, deadline, done = std::move(done)](LaneReading reading) mutable {
    if (!reading.status.ok()) return std::move(done)(std::move(reading));
    auto fenced = std::make_shared<FencedReading>();
    fenced->reading = std::move(reading);
    fenced->done = std::move(done);
    if (deadline != kNever) {
      engine_->RunAt(deadline, [fenced] {
        fenced->End(absl::DeadlineExceededError("the invalidation channel did not answer PING before the deadline"));
      });
    }
    Fence(std::move(fenced), kPingsPerFence);
  });
}

void RedisStore::Fence(std::shared_ptr<FencedReading> reading, int pings) {
  if (pings == 0) return reading->End(absl::OkStatus());
  engine_->PingChannel([this, reading = std::move(reading), pings](OperationResult result) mutable {
    if (result.status.ok() && result.replies[0].is_error()) {
      const absl::Status said = ServerErrorToStatus(result.replies[0].text());
      result.status = absl::Status(said.code(), absl::StrCat("PING on the invalidation channel: ", said.message()));
    }
    if (!result.status.ok()) return reading->End(std::move(result.status));
    Fence(std::move(reading), pings - 1);
  });
}

}  // namespace nearcache::internal::remote
