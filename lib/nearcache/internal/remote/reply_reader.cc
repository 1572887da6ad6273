#include "nearcache/internal/remote/reply_reader.h"

#include <algorithm>
#include <utility>

namespace nearcache::internal::remote {
namespace {

using Kind = ScannedReply::Kind;

constexpr size_t kCarryMax = 16 << 10;
// A kind, a channel and a payload.
constexpr size_t kMessageElements = 3;

}  // namespace

absl::Status ReplyReader::Feed(absl::string_view bytes) {
  rest_ = bytes;
  return status_;
}

absl::StatusOr<bool> ReplyReader::Next(Reply* reply) {
  if (!status_.ok()) return status_;
  if (!parser_.empty()) return Parse(absl::string_view(), reply);
  const ScannedReply scanned = Scan();
  if (scanned.kind == Kind::kUnfinished) return false;
  if (scanned.kind == Kind::kWhole && scanned.type != Reply::Type::kPush) {
    reply->type = scanned.type;
    reply->string = Value::Copy(scanned.text);
    reply->integer = scanned.integer;
    reply->number = 0;
    reply->elements.clear();
    DropFront(scanned.size);
    return true;
  }
  if (carry_.empty()) return Parse(std::exchange(rest_, absl::string_view()), reply);
  return Parse(std::exchange(carry_, std::string()), reply);
}

bool ReplyReader::NextMessage(absl::string_view* channel, absl::string_view* payload) {
  const absl::string_view front = Front();
  if (front.empty() || front[0] != '>' || !status_.ok() || !parser_.empty()) return false;
  const ScannedReply scanned = Scan();
  if (scanned.kind != Kind::kWhole || limits_.elements_max < kMessageElements) return false;
  *channel = scanned.channel;
  *payload = scanned.text;
  DropFront(scanned.size);
  return true;
}

// What is at the front. A simple reply that is not whole is carried over to the next feed; the bytes that it lacks are
// taken from there, and no more.
ScannedReply ReplyReader::Scan() {
  if (carry_taken_) carry_.clear();
  carry_taken_ = false;
  while (true) {
    ScannedReply scanned = ScanReply(Front());
    if (IsTooLarge(scanned)) scanned.kind = Kind::kOther;
    if (scanned.kind != Kind::kUnfinished) return scanned;
    const size_t size = std::min(scanned.size - carry_.size(), rest_.size());
    carry_.append(rest_.data(), size);
    rest_.remove_prefix(size);
    if (rest_.empty() && carry_.size() < scanned.size) return scanned;
  }
}

// To be put together, or refused, by the general parser.
bool ReplyReader::IsTooLarge(const ScannedReply& scanned) const {
  if (scanned.kind == Kind::kUnfinished) return scanned.size > std::min(kCarryMax, limits_.bytes_max);
  const bool push = scanned.type == Reply::Type::kPush;
  return (push ? scanned.size : scanned.text.size()) > limits_.bytes_max;
}

// Views into what is dropped live until the next call.
void ReplyReader::DropFront(size_t size) {
  if (carry_.empty()) {
    rest_.remove_prefix(size);
  } else {
    carry_taken_ = true;
  }
}

// By the general parser: from `first`, and from as much of the rest as belongs to the reply that it is in, if that is
// known, so that what follows can be scanned again.
absl::StatusOr<bool> ReplyReader::Parse(absl::string_view first, Reply* reply) {
  absl::string_view piece = first;
  if (parser_.empty() && first.empty()) return false;
  while (true) {
    if (piece.empty()) {
      const size_t missing = parser_.missing();
      piece = rest_.substr(0, missing == 0 ? rest_.size() : missing);
      rest_.remove_prefix(piece.size());
    }
    if (!piece.empty()) status_ = parser_.Feed(std::exchange(piece, absl::string_view()));
    if (!status_.ok()) return status_;
    const absl::StatusOr<bool> whole = parser_.Next(reply);
    if (!whole.ok()) status_ = whole.status();
    if (!whole.ok() || *whole || rest_.empty()) return whole;
  }
}

}  // namespace nearcache::internal::remote
