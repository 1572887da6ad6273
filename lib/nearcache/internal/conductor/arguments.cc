#include "nearcache/internal/conductor/arguments.h"

#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace nearcache::internal::conductor {
namespace {

constexpr size_t kQuotedKeyBytes = 64;
constexpr absl::string_view kOutcomeUnknownUrl = "nearcache/outcome-unknown";

}  // namespace

std::string QuoteKey(absl::string_view key) {
  const bool cut = key.size() > kQuotedKeyBytes;
  return absl::StrCat("\"", absl::CHexEscape(key.substr(0, kQuotedKeyBytes)), cut ? "...\"" : "\"");
}

absl::Status CheckKey(absl::string_view key, const LimitOptions& limits) {
  if (key.empty()) return absl::InvalidArgumentError("the key is empty");
  if (key.size() <= limits.key_bytes_max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("key ", QuoteKey(key), " of ", key.size(),
                   " bytes is longer than limits.key_bytes_max = ", limits.key_bytes_max));
}

absl::Status CheckValue(absl::string_view key, absl::string_view value, const LimitOptions& limits) {
  if (value.size() <= limits.value_bytes_max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the value of key ", QuoteKey(key), " has ", value.size(),
                   " bytes, more than limits.value_bytes_max = ", limits.value_bytes_max));
}

absl::Status CheckTimeout(absl::Duration timeout) {
  if (timeout >= absl::ZeroDuration()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the timeout of the call is negative: ", absl::FormatDuration(timeout)));
}

absl::StatusOr<absl::optional<absl::Duration>> ResolveTimeToLive(absl::string_view key, absl::Duration wanted) {
  if (wanted <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat("the time to live of key ", QuoteKey(key), " is not positive: ",
                                                   absl::FormatDuration(wanted), "; use Delete to remove a key"));
  }
  absl::optional<absl::Duration> life;
  if (wanted <= kLongestTimeToLive) life = absl::Ceil(wanted, absl::Milliseconds(1));
  return life;
}

absl::Status NoValue(absl::string_view key) {
  return absl::NotFoundError(absl::StrCat("no value for key ", QuoteKey(key)));
}

absl::Status DeadlinePassed(absl::string_view what) {
  return absl::DeadlineExceededError(absl::StrCat("the deadline passed while ", what));
}

absl::Status CancelledByClose() { return absl::CancelledError("the cache was closed meanwhile"); }

absl::Status Annotate(const absl::Status& status, absl::string_view verb, absl::string_view key) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(verb, " of key ", QuoteKey(key), ": ", status.message()));
  status.ForEachPayload(
      [&annotated](absl::string_view url, const absl::Cord& payload) { annotated.SetPayload(url, payload); });
  return annotated;
}

absl::Status MarkOutcomeUnknown(absl::Status status) {
  status.SetPayload(kOutcomeUnknownUrl, absl::Cord("1"));
  return status;
}

bool HasOutcomeUnknown(const absl::Status& status) { return status.GetPayload(kOutcomeUnknownUrl).has_value(); }

}  // namespace nearcache::internal::conductor
