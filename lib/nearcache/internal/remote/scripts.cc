#include "nearcache/internal/remote/scripts.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nearcache/internal/base/frame_layout.h"
#include "nearcache/internal/remote/server_error.h"
#include "nearcache/internal/remote/sha1.h"

namespace nearcache::internal::remote {
namespace {

// --- The texts. Lua 5.1; a string index is a frame offset plus 1.

// e: the namespace's epoch, '' if there is none. An epoch key of another type or length counts as none.
constexpr absl::string_view kReadEpoch = R"lua(
local e = redis.pcall('GET', KEYS[2])
if type(e) == 'table' then
  if not string.find(e.err, 'WRONGTYPE', 1, true) then return e end
  e = ''
elseif not e or #e ~= 16 then
  e = ''
end
)lua";

// A frame of another epoch would be stored and be absent at once.
constexpr absl::string_view kRefuseOtherEpoch = R"lua(
if e == '' or string.sub(ARGV[4], 9, 24) ~= e then return {2, e} end
)lua";

// live: whether the key is logically present. h: the first bytes of its frame. Raises WRONGTYPE.
constexpr absl::string_view kReadHead = R"lua(
local h = redis.call('GETRANGE', KEYS[3], 0, 23)
local live = e ~= '' and string.sub(h, 1, 4) == '\196\78\1\0' and string.sub(h, 9, 24) == e
)lua";
// The same for a key of which nothing will be left: another type counts as not present.
constexpr absl::string_view kReadHeadOfAnyType = R"lua(
local h = redis.pcall('GETRANGE', KEYS[3], 0, 23)
if type(h) == 'table' then
  if not string.find(h.err, 'WRONGTYPE', 1, true) then return h end
  h = ''
end
local live = e ~= '' and string.sub(h, 1, 4) == '\196\78\1\0' and string.sub(h, 9, 24) == e
)lua";
static_assert(kFrameMagicOffset == 0 && kFrameMagic[0] == '\304' && kFrameMagic[1] == 78, "kReadHead");
static_assert(kFrameVersionOffset == 2 && kFrameVersion == 1, "kReadHead");
static_assert(kFrameStateOffset == 3 && static_cast<int>(FrameState::kLive) == 0, "kReadHead");
static_assert(kFrameEpochOffset == 8 && kFrameEpochSize == 16, "kReadHead, kRefuseOtherEpoch");

// See the header for why a script that must pass a full server begins its writes with this one.
constexpr absl::string_view kPassFullServer = R"lua(
redis.call('UNLINK', KEYS[4])
)lua";

constexpr absl::string_view kAnnounce = R"lua(
local p = redis.pcall('SET', KEYS[1], ARGV[1], 'GET')
if type(p) == 'table' then
  if not string.find(p.err, 'WRONGTYPE', 1, true) then return p end
  redis.call('SET', KEYS[1], ARGV[1])
  p = false
end
if not p or #p ~= 16 then p = string.rep('\0', 16) end
redis.call('PUBLISH', ARGV[2], p .. ARGV[3])
)lua";

// As kAnnounce, then the epoch. After the announcement, so that an error in it means that there was none.
constexpr absl::string_view kLane = R"lua(local p=redis.pcall('SET',KEYS[1],ARGV[1],'GET')
if type(p)=='table' then
if not string.find(p.err,'WRONGTYPE',1,true) then return p end
redis.call('SET',KEYS[1],ARGV[1]) p=nil end
if not p or #p~=16 then p=string.rep('\0',16) end
redis.call('PUBLISH',ARGV[2],p..ARGV[3])
p=redis.pcall('GET',KEYS[2])
return type(p)=='string' and p)lua";

constexpr absl::string_view kStore = R"lua(
if ARGV[5] == '' then
  redis.call('SET', KEYS[3], ARGV[4])
else
  redis.call('SET', KEYS[3], ARGV[4], 'PX', ARGV[5])
end
return {1}
)lua";

// Lua's numbers are doubles, exact up to 2^53 only. So a number is split into a high part and its last nine digits,
// both with its sign; both parts and their sums are exact. sum: the digits of the sum.
constexpr absl::string_view kAddNumbers = R"lua(
local d = '0'
if live then
  if string.byte(h, 5) ~= 2 then return {3} end
  local again
  d, again = string.match(redis.call('GETRANGE', KEYS[3], 64, 105), '^(%S+) (%S+)$')
  if not d or d ~= again then return {3} end
elseif ARGV[7] ~= '1' then
  return {0}
end
local function split(s)
  local sign, digits = string.match(s, '^(-?)(%d+)$')
  if not digits or #digits > 19 then return nil end
  if string.sub(digits, 1, 1) == '0' and s ~= '0' then return nil end
  local m = sign == '-' and -1 or 1
  return m * (tonumber(string.sub(digits, 1, -10)) or 0), m * tonumber(string.sub(digits, -9))
end
local function join(hi, lo)
  local carry = math.floor(lo / 1e9)
  hi, lo = hi + carry, lo - carry * 1e9
  local sign, last = '', 854775807
  if hi < 0 then
    sign, last = '-', 854775808
    if lo > 0 then hi, lo = hi + 1, 1e9 - lo end
    hi = -hi
  end
  if hi > 9223372036 or (hi == 9223372036 and lo > last) then return nil end
  if hi == 0 then return sign .. string.format('%.0f', lo) end
  return sign .. string.format('%.0f%09.0f', hi, lo)
end
local hi, lo = split(d)
if not hi or not join(hi, lo) then return {3} end
local dhi, dlo = split(ARGV[6])
local sum = join(hi + dhi, lo + dlo)
if not sum then return {4} end
)lua";
static_assert(kFrameCodecOffset == 4 && static_cast<int>(FrameCodec::kInteger) == 2, "kAddNumbers");
static_assert(kFrameHeaderSize == 64 && kFrameIntegerPayloadSizeMax == 41,
              "kAddNumbers reads one byte more than a number has");

constexpr absl::string_view kStoreSum = R"lua(
local f = string.sub(ARGV[4], 1, 64) .. sum .. ' ' .. sum
if live then
  redis.call('SET', KEYS[3], f, 'KEEPTTL')
elseif ARGV[5] == '' then
  redis.call('SET', KEYS[3], f)
else
  redis.call('SET', KEYS[3], f, 'PX', ARGV[5])
end
return {1, sum}
)lua";

constexpr absl::string_view kUnlessLive = "if live then return {0} end\n";
constexpr absl::string_view kIfLive = "if not live then return {0} end\n";

constexpr absl::string_view kRemove = R"lua(
redis.call('UNLINK', KEYS[3])
return {1, live and 1 or 0}
)lua";

constexpr absl::string_view kSetLife = R"lua(
if ARGV[4] == '' then redis.call('PERSIST', KEYS[3]) else redis.call('PEXPIRE', KEYS[3], ARGV[4]) end
return {1}
)lua";

constexpr absl::string_view kMarkExpired = R"lua(
redis.call('SETRANGE', KEYS[3], 3, '\255')
return {1}
)lua";
static_assert(static_cast<int>(FrameState::kExpired) == 0xFF, "kMarkExpired");

constexpr absl::string_view kReplaceEpoch = R"lua(
redis.call('SET', KEYS[2], ARGV[4])
return {1}
)lua";

// ensure: what the register k holds, made first if it is not an id.
constexpr absl::string_view kEnsureEpoch = R"lua(
redis.call('UNLINK', KEYS[3])
local function ensure(k)
  local e = redis.pcall('GET', k)
  if type(e) == 'string' and #e == 16 then return e end
  if type(e) == 'table' and not string.find(e.err, 'WRONGTYPE', 1, true) then return e end
  redis.call('SET', k, ARGV[1])
  return ARGV[1]
end
local lane = ensure(KEYS[2])
if type(lane) == 'table' then return lane end
return ensure(KEYS[1])
)lua";

constexpr absl::string_view kProbe = R"lua(
redis.call('UNLINK', KEYS[3])
redis.call('PUBLISH', ARGV[2], ARGV[3])
if KEYS[4] then
  redis.call('SET', KEYS[4], '')
  redis.call('UNLINK', KEYS[4])
end
return {1}
)lua";

constexpr absl::string_view kPassFullServerWithoutKey = "redis.call('UNLINK', KEYS[3])\n";

Script MakeScript(absl::string_view name, std::string text) {
  std::string digest = Sha1Hex(text);
  return Script{name, std::move(text), std::move(digest)};
}

std::array<Script, kChangeKindCount> MakeChangeScripts() {
  // In the order of ChangeKind.
  return {
      MakeScript("set", absl::StrCat(kReadEpoch, kRefuseOtherEpoch, kAnnounce, kStore)),
      MakeScript("add", absl::StrCat(kReadEpoch, kRefuseOtherEpoch, kReadHead, kUnlessLive, kAnnounce, kStore)),
      MakeScript("replace", absl::StrCat(kReadEpoch, kRefuseOtherEpoch, kReadHead, kIfLive, kAnnounce, kStore)),
      MakeScript("delete", absl::StrCat(kReadEpoch, kReadHeadOfAnyType, kPassFullServer, kAnnounce, kRemove)),
      MakeScript("touch", absl::StrCat(kReadEpoch, kReadHead, kIfLive, kPassFullServer, kAnnounce, kSetLife)),
      MakeScript("persist", absl::StrCat(kReadEpoch, kReadHead, kIfLive, kPassFullServer, kAnnounce,
                                         "redis.call('PERSIST', KEYS[3])\nreturn {1}\n")),
      MakeScript("expire", absl::StrCat(kReadEpoch, kReadHead, kIfLive, kPassFullServer, kAnnounce, kMarkExpired)),
      MakeScript("increment",
                 absl::StrCat(kReadEpoch, kRefuseOtherEpoch, kReadHead, kAddNumbers, kAnnounce, kStoreSum)),
      MakeScript("clear", absl::StrCat(kPassFullServerWithoutKey, kAnnounce, kReplaceEpoch)),
      MakeScript("forget all", absl::StrCat(kPassFullServerWithoutKey, kAnnounce, "return {1}\n")),
  };
}

bool CarriesFrame(ChangeKind kind) {
  return kind == ChangeKind::kSet || kind == ChangeKind::kAdd || kind == ChangeKind::kReplace ||
         kind == ChangeKind::kIncrement;
}

bool TakesTimeToLive(ChangeKind kind) { return CarriesFrame(kind) || kind == ChangeKind::kTouch; }

// What the kind adds to id, channel and message.
void AppendOwnArguments(ChangeRequest&& request, std::vector<std::string>& arguments) {
  if (CarriesFrame(request.kind)) arguments.push_back(std::move(request.value));
  if (TakesTimeToLive(request.kind)) arguments.push_back(TimeToLiveArgument(request.time_to_live));
  if (request.kind == ChangeKind::kIncrement) {
    arguments.push_back(absl::StrCat(request.delta));
    arguments.push_back(request.create ? "1" : "0");
  }
  if (request.kind == ChangeKind::kClear) arguments.push_back(request.id.ToBytes());
}

ChangeResult Failed(absl::Status status, bool unknown) {
  ChangeResult result;
  result.status = std::move(status);
  result.unknown = unknown;
  return result;
}

// The change may have been made; the server's answer cannot be understood.
ChangeResult NotUnderstood(absl::string_view redis_key) {
  return Failed(absl::InternalError(absl::StrCat("the server answered a script for key \"", PrintableKey(redis_key),
                                                 "\" with a reply of unknown shape")),
                /*unknown=*/true);
}

// {1}, {1, digits} or {1, 0 or 1}.
ChangeResult Applied(ChangeKind kind, absl::string_view redis_key, const std::vector<Reply>& elements) {
  ChangeResult result;
  result.applied = true;
  if (kind == ChangeKind::kIncrement) {
    if (elements.size() < 2 || !absl::SimpleAtoi(elements[1].text(), &result.integer)) return NotUnderstood(redis_key);
  } else if (kind == ChangeKind::kDelete) {
    if (elements.size() < 2) return NotUnderstood(redis_key);
    result.applied = elements[1].integer != 0;
  }
  return result;
}

}  // namespace

const Script& ChangeScript(ChangeKind kind) {
  static const auto* const scripts = new std::array<Script, kChangeKindCount>(MakeChangeScripts());
  return (*scripts)[static_cast<size_t>(kind)];
}

const Script& LaneScript() {
  static const Script* const script = new Script(MakeScript("lane", std::string(kLane)));
  return *script;
}

const Script& EnsureEpochScript() {
  static const Script* const script = new Script(MakeScript("ensure epoch", std::string(kEnsureEpoch)));
  return *script;
}

const Script& ProbeScript() {
  static const Script* const script = new Script(MakeScript("probe", std::string(kProbe)));
  return *script;
}

std::vector<std::string> ScriptArguments(const ScriptNames& names, ChangeRequest&& request, OperationId lane_id,
                                         std::string message) {
  std::vector<std::string> arguments;
  arguments.reserve(12);
  const bool has_key = HasKey(request.kind);
  arguments.push_back(has_key ? "4" : "3");
  arguments.push_back(names.lane_key);
  arguments.push_back(names.epoch_key);
  if (has_key) arguments.push_back(std::move(request.redis_key));
  arguments.push_back(names.missing_key);
  arguments.push_back(lane_id.ToBytes());
  arguments.push_back(names.channel);
  arguments.push_back(std::move(message));
  AppendOwnArguments(std::move(request), arguments);
  return arguments;
}

absl::Status ValidateChange(const ChangeRequest& request) {
  const auto refuse = [&request](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("key \"", PrintableKey(request.redis_key), "\": ", why));
  };
  if (static_cast<int>(request.kind) >= kChangeKindCount) return refuse("unknown kind of change");
  if (request.redis_key.empty() == HasKey(request.kind)) {
    return refuse("clear and forget all have no key, and every other change has one");
  }
  if (request.id.empty()) return refuse("the operation has no id");
  if (CarriesFrame(request.kind) && request.value.size() < kFrameHeaderSize) {
    return refuse("the value is shorter than a frame's header");
  }
  if (TakesTimeToLive(request.kind) && request.time_to_live.has_value() &&
      *request.time_to_live <= absl::ZeroDuration()) {
    return refuse("time_to_live must be positive");
  }
  return absl::OkStatus();
}

std::string TimeToLiveArgument(const absl::optional<absl::Duration>& time_to_live) {
  // A hundred years: the server adds its wall clock to it and refuses what then exceeds 63 bits.
  constexpr int64_t kMillisecondsMax = int64_t{100} * 365 * 24 * 3600 * 1000;
  if (!time_to_live.has_value() || *time_to_live == absl::InfiniteDuration()) return std::string();
  const absl::Duration whole = absl::Ceil(*time_to_live, absl::Milliseconds(1));
  return absl::StrCat(std::min(std::max<int64_t>(absl::ToInt64Milliseconds(whole), 1), kMillisecondsMax));
}

ChangeResult OtherEpochResult(absl::string_view redis_key, OperationId epoch) {
  ChangeResult result = Failed(
      absl::AbortedError(absl::StrCat("the namespace was cleared: the value for key \"", PrintableKey(redis_key),
                                      "\" carries another epoch than the server's; adopt that one and try again")),
      /*unknown=*/false);
  result.epoch = epoch;
  return result;
}

ChangeResult ParseScriptReply(ChangeKind kind, absl::string_view redis_key, const Reply& reply) {
  if (reply.is_error()) return Failed(ServerErrorToStatus(reply.text(), redis_key), /*unknown=*/false);
  if (reply.type != Reply::Type::kArray || reply.elements.empty() || reply.elements[0].type != Reply::Type::kInteger) {
    return NotUnderstood(redis_key);
  }
  switch (static_cast<ScriptReply>(reply.elements[0].integer)) {
    case ScriptReply::kNotApplied:
      return ChangeResult();
    case ScriptReply::kApplied:
      return Applied(kind, redis_key, reply.elements);
    case ScriptReply::kOtherEpoch:
      return OtherEpochResult(redis_key,
                              reply.elements.size() < 2
                                  ? OperationId()
                                  : OperationId::FromBytes(reply.elements[1].text()).value_or(OperationId()));
    case ScriptReply::kNotAnInteger:
      return Failed(absl::FailedPreconditionError(
                        absl::StrCat("key \"", PrintableKey(redis_key), "\" holds a value that is not an integer")),
                    /*unknown=*/false);
    case ScriptReply::kOutOfRange:
      return Failed(absl::OutOfRangeError(
                        absl::StrCat("key \"", PrintableKey(redis_key), "\": the sum does not fit into 64 bits")),
                    /*unknown=*/false);
  }
  return NotUnderstood(redis_key);
}

}  // namespace nearcache::internal::remote
