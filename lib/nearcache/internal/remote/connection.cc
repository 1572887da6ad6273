#include "nearcache/internal/remote/connection.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

namespace nearcache::internal::remote {
namespace {

constexpr size_t kPartsPerWrite = 64;
constexpr size_t kGreetingBytes = 16;

}  // namespace

Connection::Connection(std::unique_ptr<Transport> transport, const ReplyLimits& limits, EngineCounters* counters,
                       Owner* owner)
    : transport_(std::move(transport)), counters_(counters), owner_(owner), reader_(limits) {}

void Connection::Send(OperationNode* node, MonotonicNanos now) {
  node->in_flight = true;
  node->sent_at = now;
  node->stream_offset = chain_.appended_offset();
  chain_.Append(node->operation.bytes);
  in_flight_.PushBack(node);
}

void Connection::AdoptSent(OperationNode* node, size_t sent) {
  node->in_flight = true;
  node->stream_offset = chain_.appended_offset();
  chain_.AppendSent(node->operation.bytes, sent);
  in_flight_.PushBack(node);
  if (sent == 0) return;
  counters_->writes.Add();
  counters_->bytes_sent.Add(sent);
}

absl::StatusOr<bool> Connection::Flush() {
  std::array<iovec, kPartsPerWrite> parts;
  while (!abandoned_ && chain_.pending_bytes() > 0) {
    const size_t count = chain_.Next(absl::MakeSpan(parts));
    const IoResult result = transport_->Write(absl::MakeConstSpan(parts.data(), count));
    if (result.kind == IoResult::Kind::kFailed) return result.status;
    if (result.kind != IoResult::Kind::kDone) return true;
    counters_->writes.Add();
    counters_->bytes_sent.Add(result.bytes);
    chain_.Consume(result.bytes);
  }
  return false;
}

absl::StatusOr<bool> Connection::ReadOnce(char* buffer, MonotonicNanos now) {
  const IoResult result = transport_->Read(buffer, kReadBytes);
  switch (result.kind) {
    case IoResult::Kind::kWantRead:
    case IoResult::Kind::kWantWrite:
      return false;
    case IoResult::Kind::kClosed:
      return absl::UnavailableError("the server closed the connection");
    case IoResult::Kind::kFailed:
      return result.status;
    case IoResult::Kind::kDone:
      break;
  }
  received_at_ = now;
  counters_->reads.Add();
  counters_->bytes_received.Add(result.bytes);
  const uint64_t answered_before = answered_;
  if (absl::Status status = HandOut(absl::string_view(buffer, result.bytes)); !status.ok()) {
    return status;
  }
  const uint64_t answered = answered_ - answered_before;
  if (answered > 0) bytes_per_operation_ = (7 * bytes_per_operation_ + result.bytes / answered) / 8;
  // A short read emptied the socket.
  return !abandoned_ && (result.bytes == kReadBytes || transport_->HasBufferedInput());
}

absl::Status Connection::HandOut(absl::string_view bytes) {
  if (greeting_.size() < kGreetingBytes) {
    greeting_.append(bytes.substr(0, kGreetingBytes - greeting_.size()));
  }
  if (absl::Status status = reader_.Feed(bytes); !status.ok()) return status;
  absl::string_view channel;
  absl::string_view payload;
  while (!abandoned_) {
    if (reader_.NextMessage(&channel, &payload)) {
      if (absl::Status status = owner_->OnPushedMessage(channel, payload); !status.ok()) return status;
      continue;
    }
    Reply reply;
    const absl::StatusOr<bool> whole = reader_.Next(&reply);
    if (!whole.ok()) return whole.status();
    if (!*whole) return absl::OkStatus();
    if (absl::Status status = owner_->OnReply(std::move(reply)); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Connection::TakeReply(Reply&& reply) {
  OperationNode* const node = in_flight_.front();
  if (node == nullptr) {
    return absl::InternalError("the server sent a reply that nobody had asked for");
  }
  const auto index = static_cast<size_t>(node->answered);
  const auto& types = node->operation.reply_types;
  if (index < types.size() && !types[index].Contains(reply.type)) {
    return absl::InternalError("the server sent a reply of a type that its command cannot have: replies have shifted");
  }
  // A tombstone only counts.
  if (!node->tombstone) node->result.replies.push_back(std::move(reply));
  if (++node->answered < node->operation.reply_count) return absl::OkStatus();
  in_flight_.Remove(node);
  ++answered_;
  owner_->OnAnswered(node);
  return absl::OkStatus();
}

OperationList Connection::Abandon() {
  abandoned_ = true;
  OperationList kept;
  while (OperationNode* const node = in_flight_.PopFront()) {
    node->left_process = chain_.sent_offset() > node->stream_offset;
    node->in_flight = false;
    kept.PushBack(node);
  }
  // Borrowed bytes belong to the operations that leave now.
  chain_ = WriteChain();
  return kept;
}

MonotonicNanos Connection::oldest_sent_at() const { return in_flight_.empty() ? kNever : in_flight_.front()->sent_at; }

}  // namespace nearcache::internal::remote
