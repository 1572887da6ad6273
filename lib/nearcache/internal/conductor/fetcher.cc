#include "nearcache/internal/conductor/fetcher.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nearcache/internal/base/frame_layout.h"
#include "nearcache/internal/base/little_endian.h"
#include "nearcache/internal/codec/frame.h"
#include "nearcache/internal/conductor/arguments.h"

namespace nearcache::internal::conductor {
namespace {

using local::ReadOutcome;
using remote::Fetched;

// Decoding up to this much (bytes to check, or four times the bytes to decompress) is done where the
// reply arrived: a handover to another thread costs as much.
constexpr size_t kQuickBytes = size_t{16} << 10;

size_t DecodingEffort(absl::string_view frame) {
  if (frame.size() < kFrameHeaderSize) return 0;
  const auto codec = static_cast<FrameCodec>(frame[kFrameCodecOffset]);
  if (codec != FrameCodec::kZstd) return frame.size();
  return size_t{4} * LoadLittleEndian32(frame.data() + kFrameRawSizeOffset);
}

bool IsQuick(const std::vector<Fetched>& values) {
  size_t effort = 0;
  for (const Fetched& fetched : values) effort += DecodingEffort(fetched.bytes.view());
  return effort <= kQuickBytes;
}

absl::Status WrongType(absl::string_view key) {
  return absl::FailedPreconditionError(absl::StrCat("key ", QuoteKey(key), " holds a Redis type that is no string"));
}

}  // namespace

struct Fetcher::Batch {
  std::vector<FetchItem> items;
  std::vector<Fetched> values;        // Of the reply.
  absl::optional<OperationId> epoch;  // Nullopt: it was asked for.
  MonotonicNanos sent_at = 0;
};

void Fetcher::Fetch(std::vector<FetchItem> items, bool fresh, MonotonicNanos deadline) {
  auto batch = std::make_unique<Batch>();
  remote::ReadRequest request;
  for (const FetchItem& item : items) request.keys.push_back(parts_.names->DataKey(item.key));
  batch->items = std::move(items);
  batch->sent_at = parts_.clock->Now();
  if (!fresh) batch->epoch = TakeEpoch(batch->items);
  request.want_epoch = !batch->epoch.has_value();
  request.deadline = deadline;
  parts_.store->Read(std::move(request),
                     [this, batch = std::move(batch)](absl::StatusOr<remote::ReadReply> reply) mutable {
                       OnReply(std::move(batch), std::move(reply));
                     });
}

// The namespace's epoch, if the lease vouches for it. What is judged by it is as fresh as the lease, not as the reply:
// the flights must know that before it is taken.
absl::optional<OperationId> Fetcher::TakeEpoch(const std::vector<FetchItem>& items) {
  if (!parts_.coordinator->Epoch(parts_.clock->Now()).has_value()) return absl::nullopt;
  const MonotonicNanos since = parts_.coordinator->leased_since();
  for (const FetchItem& item : items) {
    if (item.flight != nullptr) parts_.tier->LimitFreshness(item.flight, since);
  }
  return parts_.coordinator->Epoch(parts_.clock->Now());
}

void Fetcher::OnReply(BatchPtr batch, absl::StatusOr<remote::ReadReply> reply) {
  if (reply.ok() && reply->values.size() != batch->items.size()) {
    reply = absl::InternalError("the remote tier answered a read with another number of values");
  }
  if (!reply.ok()) {
    ReadOutcome failed;
    for (FetchItem& item : batch->items) {
      failed.status = Annotate(reply.status(), "Get", item.key);
      Hand(std::move(item), failed, failed.info, absl::nullopt);
    }
    return;
  }
  parts_.counters->remote_latency.Record(parts_.clock->Now() - batch->sent_at);
  if (!batch->epoch.has_value()) {
    batch->epoch = reply->epoch;
    parts_.coordinator->AdoptEpoch(reply->epoch);
  }
  batch->values = std::move(reply->values);
  if (IsQuick(batch->values)) {
    Deliver(std::move(batch));
  } else {
    parts_.workers->Schedule([this, batch = std::move(batch)]() mutable { Deliver(std::move(batch)); });
  }
}

void Fetcher::Deliver(BatchPtr batch) {
  for (size_t i = 0; i < batch->items.size(); ++i) {
    DeliverOne(*batch, std::move(batch->values[i]), std::move(batch->items[i]));
  }
}

void Fetcher::DeliverOne(const Batch& batch, Fetched fetched, FetchItem item) {
  ReadOutcome outcome;
  outcome.info.fetched_at = batch.sent_at;
  absl::optional<Value> stale;
  if (fetched.state == Fetched::State::kWrongType) outcome.status = WrongType(item.key);
  if (fetched.state == Fetched::State::kFound) Judge(batch, item, fetched, &outcome, &stale);
  // The reader is told the whole life; memory keeps the value for a part of it at most.
  local::EntryInfo told = outcome.info;
  // Mechanism M12: what remained on the server counts from when it was asked for.
  if (fetched.time_to_live.has_value()) {
    told.expires_at = AddDuration(batch.sent_at, *fetched.time_to_live);
  }
  const MonotonicNanos longest = AddDuration(batch.sent_at, parts_.options->local.time_to_live_max);
  outcome.info.expires_at = std::min(told.expires_at, longest);
  Hand(std::move(item), outcome, told, std::move(stale));
}

void Fetcher::Judge(const Batch& batch, const FetchItem& item, const Fetched& fetched, ReadOutcome* outcome,
                    absl::optional<Value>* stale) {
  codec::DecodeOptions options;
  options.value_bytes_max = parts_.options->limits.value_bytes_max;
  options.want_expired_value = item.for_load;
  options.compressor = parts_.compressor;
  codec::DecodedFrame frame = codec::DecodeFrame(fetched.bytes, item.key, *batch.epoch, options);
  parts_.counters->frames.Count(frame.result);
  if (frame.result == codec::FrameResult::kOk) {
    outcome->found = true;
    outcome->value = std::move(frame.value);
    outcome->info.id = frame.id;
  } else if (frame.result == codec::FrameResult::kExpired && item.for_load) {
    *stale = std::move(frame.value);
  }
}

void Fetcher::Hand(FetchItem item, const ReadOutcome& outcome, const local::EntryInfo& info,
                   absl::optional<Value> stale) {
  Count(outcome);
  const bool wrong_type = absl::IsFailedPrecondition(outcome.status);
  const bool final = !item.for_load || outcome.found || wrong_type || absl::IsCancelled(outcome.status);
  if (item.flight != nullptr) {
    if (final) parts_.tier->CompleteRead(item.flight, outcome);
  } else if (outcome.status.ok()) {
    parts_.tier->NoteReply({item.key, item.hash}, outcome.info.id);
  }
  LoadReading reading;
  reading.final = final;
  reading.stale = std::move(stale);
  if (outcome.found) {
    reading.result = ReadResult(outcome.value, info, Source::kRemote);
  } else {
    reading.result.status = outcome.status.ok() ? NoValue(item.key) : outcome.status;
  }
  std::move(item.done)(std::move(reading));
}

void Fetcher::Count(const ReadOutcome& outcome) {
  if (!outcome.status.ok()) {
    parts_.counters->reads_failed.Increment();
  } else if (outcome.found) {
    parts_.counters->remote_hits.Increment();
  } else {
    parts_.counters->remote_misses.Increment();
  }
}

}  // namespace nearcache::internal::conductor
