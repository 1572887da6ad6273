#include "nearcache/internal/remote/reply_scanner.h"

#include "absl/strings/match.h"

namespace nearcache::internal::remote {
namespace {

using Kind = ScannedReply::Kind;

// So that nothing overflows: longer numbers are left to the general parser.
constexpr size_t kDigitsMax = 18;
constexpr absl::string_view kLineEnd = "\r\n";
constexpr absl::string_view kNilLength = "-1\r\n";
constexpr absl::string_view kMessageHead = ">3\r\n$7\r\nmessage\r\n$";

bool LineEndsAt(absl::string_view buffer, size_t at) {
  return buffer.size() >= at + kLineEnd.size() && buffer[at] == '\r' && buffer[at + 1] == '\n';
}

ScannedReply Unfinished(size_t size) {
  ScannedReply reply;
  reply.kind = Kind::kUnfinished;
  reply.size = size;
  return reply;
}

ScannedReply Whole(Reply::Type type, size_t size) {
  ScannedReply reply;
  reply.kind = Kind::kWhole;
  reply.type = type;
  reply.size = size;
  return reply;
}

struct ScannedNumber {
  Kind kind = Kind::kOther;
  uint64_t value = 0;
  size_t end = 0;  // Behind its line.
};

// From `begin` on, written the only way it may be: no sign, no leading zeros.
ScannedNumber ScanNumber(absl::string_view buffer, size_t begin) {
  ScannedNumber number;
  size_t at = begin;
  while (at < buffer.size() && at - begin < kDigitsMax && buffer[at] >= '0' && buffer[at] <= '9') {
    number.value = 10 * number.value + static_cast<uint64_t>(buffer[at] - '0');
    ++at;
  }
  if (at - begin > 1 && buffer[begin] == '0') return number;
  if (at > begin && LineEndsAt(buffer, at)) {
    number.kind = Kind::kWhole;
    number.end = at + kLineEnd.size();
  } else if (at == buffer.size() || (at > begin && at + 1 == buffer.size() && buffer[at] == '\r')) {
    number.kind = Kind::kUnfinished;
  }
  return number;
}

// From `begin` on, where a '$' was found before it.
ScannedReply ScanBulk(absl::string_view buffer, size_t begin) {
  const ScannedNumber length = ScanNumber(buffer, begin);
  if (length.kind == Kind::kUnfinished) return Unfinished(buffer.size() + 1);
  if (length.kind == Kind::kOther) {
    const absl::string_view rest = buffer.substr(begin);
    if (absl::StartsWith(rest, kNilLength)) return Whole(Reply::Type::kNil, begin + kNilLength.size());
    return absl::StartsWith(kNilLength, rest) ? Unfinished(buffer.size() + 1) : ScannedReply();
  }
  const size_t text_end = length.end + static_cast<size_t>(length.value);
  if (buffer.size() < text_end + kLineEnd.size()) return Unfinished(text_end + kLineEnd.size());
  if (!LineEndsAt(buffer, text_end)) return ScannedReply();
  ScannedReply reply = Whole(Reply::Type::kString, text_end + kLineEnd.size());
  reply.text = buffer.substr(length.end, static_cast<size_t>(length.value));
  return reply;
}

ScannedReply ScanInteger(absl::string_view buffer) {
  const bool negative = buffer.size() > 1 && buffer[1] == '-';
  const ScannedNumber number = ScanNumber(buffer, negative ? 2 : 1);
  if (number.kind != Kind::kWhole || (negative && number.value == 0)) return ScannedReply();
  ScannedReply reply = Whole(Reply::Type::kInteger, number.end);
  reply.integer = negative ? -static_cast<int64_t>(number.value) : static_cast<int64_t>(number.value);
  return reply;
}

ScannedReply ScanStatus(absl::string_view buffer) {
  const size_t end = buffer.find_first_of(kLineEnd);
  if (end == absl::string_view::npos || !LineEndsAt(buffer, end)) return ScannedReply();
  ScannedReply reply = Whole(Reply::Type::kStatus, end + kLineEnd.size());
  reply.text = buffer.substr(1, end - 1);
  return reply;
}

ScannedReply ScanMessage(absl::string_view buffer) {
  if (!absl::StartsWith(buffer, kMessageHead)) {
    return absl::StartsWith(kMessageHead, buffer) ? Unfinished(buffer.size() + 1) : ScannedReply();
  }
  const ScannedReply channel = ScanBulk(buffer, kMessageHead.size());
  if (channel.kind == Kind::kUnfinished) return channel;
  if (channel.type != Reply::Type::kString) return ScannedReply();
  if (channel.size == buffer.size()) return Unfinished(buffer.size() + 1);
  if (buffer[channel.size] != '$') return ScannedReply();
  ScannedReply payload = ScanBulk(buffer, channel.size + 1);
  if (payload.kind == Kind::kUnfinished) return payload;
  if (payload.type != Reply::Type::kString) return ScannedReply();
  payload.type = Reply::Type::kPush;
  payload.channel = channel.text;
  return payload;
}

}  // namespace

ScannedReply ScanReply(absl::string_view buffer) {
  if (buffer.empty()) return ScannedReply();
  switch (buffer[0]) {
    case '$':
      return ScanBulk(buffer, 1);
    case ':':
      return ScanInteger(buffer);
    case '+':
      return ScanStatus(buffer);
    case '>':
      return ScanMessage(buffer);
    default:
      return ScannedReply();
  }
}

}  // namespace nearcache::internal::remote
