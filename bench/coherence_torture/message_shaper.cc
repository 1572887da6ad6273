#include "bench/coherence_torture/message_shaper.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "bench/coherence_torture/proxy_fault.h"
#include "bench/coherence_torture/resp_splitter.h"

namespace nearcache::bench::torture {
namespace {

// Of an invalidation message (lib/FORMATS.md, section 4): the part that the chain protects; behind it are the keys.
// Shorter payloads are probes, which name none.
constexpr size_t kChainedBytes = 34;

// Shorter payloads are not frames of ours but, for example, the lane's register.
constexpr size_t kFrameBytesMin = 96;

constexpr int64_t kHoldNanos = 20'000'000;
constexpr size_t kHeldMax = 64;

bool IsValue(const ShapedMessage& message) {
  return !message.get_key.empty() && BulkPayload(message.bytes).size() >= kFrameBytesMin;
}

// Whether `action` is about messages such as this one.
bool Suits(FaultAction action, const ShapedMessage& message) {
  switch (action) {
    case FaultAction::kDropMessages:
    case FaultAction::kRepeatMessages:
    case FaultAction::kSwapMessages:
      return message.published;
    case FaultAction::kCorruptMessages:
      return message.published && LastBulk(message.bytes).size() > kChainedBytes;
    case FaultAction::kCorruptValues:
    case FaultAction::kExchangeValues:
      return IsValue(message);
    case FaultAction::kDelay:
    case FaultAction::kCutInside:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool IsPublished(absl::string_view message) {
  return absl::StartsWith(message, ">3\r\n$7\r\nmessage\r\n") || absl::StartsWith(message, "*3\r\n$7\r\nmessage\r\n");
}

void MessageShaper::Pass(const ShapedMessage& message, const std::vector<ActiveFault*>& faults, int64_t now_nanos,
                         std::deque<Parcel>* out) {
  std::string bytes(message.bytes);
  int64_t due_nanos = now_nanos;
  int copies = 1;
  bool cut = false;
  for (ActiveFault* fault : faults) {
    if (fault->messages_left <= 0 || !Suits(fault->fault.action, message)) continue;
    const FaultAction action = fault->fault.action;
    if (action == FaultAction::kSwapMessages || action == FaultAction::kExchangeValues) {
      if (!held_.empty()) continue;
      Hold(message, fault, now_nanos);
      return;
    }
    --fault->messages_left;
    fault->happened->fetch_add(1, std::memory_order_relaxed);
    if (action == FaultAction::kDropMessages) copies = 0;
    if (action == FaultAction::kRepeatMessages) copies = 2;
    if (action == FaultAction::kDelay) due_nanos = now_nanos + fault->fault.delay_nanos;
    if (action == FaultAction::kCorruptMessages) {
      const absl::string_view payload = LastBulk(message.bytes);
      bytes = FlipBit(message.bytes, random_.Below(2) == 0 ? payload : payload.substr(kChainedBytes));
    }
    if (action == FaultAction::kCorruptValues) bytes = FlipBit(message.bytes, BulkPayload(message.bytes));
    if (action == FaultAction::kCutInside) cut = true;
  }
  if (cut) {
    Release(now_nanos, out);
    Emit(absl::string_view(bytes).substr(0, bytes.size() / 2), due_nanos, out);
    out->back().cut = true;
    return;
  }
  ShapedMessage shaped = message;
  shaped.bytes = bytes;
  if (!held_.empty() && copies == 1) {
    ExchangeAndRelease(shaped, due_nanos, out);
    return;
  }
  for (int i = 0; i < copies; ++i) Emit(bytes, due_nanos, out);
}

void MessageShaper::Hold(const ShapedMessage& message, ActiveFault* fault, int64_t now_nanos) {
  --fault->messages_left;
  held_.emplace_back(message.bytes);
  held_key_ = std::string(message.get_key);
  held_tally_ = fault->happened;
  held_until_nanos_ = now_nanos + kHoldNanos;
}

// What came first leaves last, if `message` is a partner for it; otherwise `message` waits, too, so that every reply
// stays in its place.
void MessageShaper::ExchangeAndRelease(const ShapedMessage& message, int64_t now_nanos, std::deque<Parcel>* out) {
  const bool partner = held_key_.empty() ? message.published : IsValue(message) && message.get_key != held_key_;
  held_.emplace_back(message.bytes);
  if (!partner && held_.size() < kHeldMax) return;
  if (partner) {
    std::swap(held_.front(), held_.back());
    held_tally_->fetch_add(1, std::memory_order_relaxed);
  }
  Release(now_nanos, out);
}

void MessageShaper::Tick(int64_t now_nanos, std::deque<Parcel>* out) {
  if (!held_.empty() && now_nanos >= held_until_nanos_) Release(now_nanos, out);
}

void MessageShaper::Release(int64_t now_nanos, std::deque<Parcel>* out) {
  for (const std::string& bytes : held_) Emit(bytes, now_nanos, out);
  held_.clear();
}

// Never before what was sent earlier. What leaves at the same time leaves as one.
void MessageShaper::Emit(absl::string_view bytes, int64_t due_nanos, std::deque<Parcel>* out) {
  last_due_nanos_ = std::max(last_due_nanos_, due_nanos);
  if (!out->empty() && out->back().due_nanos == last_due_nanos_ && !out->back().cut) {
    out->back().bytes.append(bytes.data(), bytes.size());
    return;
  }
  out->push_back({std::string(bytes), last_due_nanos_, false});
}

// `message` with one bit of `part`, which lies in it, changed.
std::string MessageShaper::FlipBit(absl::string_view message, absl::string_view part) {
  std::string bytes(message);
  const size_t offset = static_cast<size_t>(part.data() - message.data()) + random_.Below(part.size());
  bytes[offset] = static_cast<char>(bytes[offset] ^ (1 << random_.Below(8)));
  return bytes;
}

}  // namespace nearcache::bench::torture
