#include "nearcache/internal/base/key_space.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace nearcache::internal {
namespace {

constexpr absl::string_view kReservedPart = "nearcache";

bool IsNumber(absl::string_view part) {
  return !part.empty() && std::all_of(part.begin(), part.end(), absl::ascii_isdigit);
}

bool IsForbidden(char c) {
  return absl::ascii_iscntrl(static_cast<unsigned char>(c)) || c == ' ' || c == '{' || c == '}';
}

// A part behind a colon that could be the second part of another namespace's key; empty if there is
// none.
absl::string_view AmbiguousPart(absl::string_view prefix) {
  const std::pair<absl::string_view, absl::string_view> cut = absl::StrSplit(prefix, absl::MaxSplits(':', 1));
  if (cut.first.size() == prefix.size()) return absl::string_view();
  for (const absl::string_view part : absl::StrSplit(cut.second, ':')) {
    if (IsNumber(part) || part == kReservedPart) return part;
  }
  return absl::string_view();
}

std::string Metadata(absl::string_view prefix, absl::string_view name) {
  return absl::StrCat(prefix, ":", kReservedPart, ":", name);
}

}  // namespace

absl::Status CheckKeyPrefix(absl::string_view field, absl::string_view prefix) {
  if (prefix.size() > kKeyPrefixBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": has ", prefix.size(), " bytes, more than ", kKeyPrefixBytesMax));
  }
  if (std::any_of(prefix.begin(), prefix.end(), IsForbidden)) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": \"", absl::CHexEscape(prefix), "\" has a space, a control character or a brace"));
  }
  const absl::string_view part = AmbiguousPart(prefix);
  if (part.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": the part \"", part, "\" of \"", absl::CHexEscape(prefix),
                   "\" would be taken for the version or the metadata of another prefix; no part "
                   "behind a colon may be a number or \"",
                   kReservedPart, "\""));
}

KeySpace::KeySpace(absl::string_view prefix, int64_t version, int database)
    : data_prefix_(absl::StrCat(prefix, ":", version, ":")),
      lane_key_(Metadata(prefix, "lane")),
      epoch_key_(Metadata(prefix, "epoch")),
      missing_key_(Metadata(prefix, "missing")),
      channel_(Metadata(prefix, absl::StrCat(database, ":invalidate"))) {}

std::string KeySpace::DataKey(absl::string_view key) const { return absl::StrCat(data_prefix_, key); }

absl::optional<absl::string_view> KeySpace::UserKey(absl::string_view data_key) const {
  if (data_key.substr(0, data_prefix_.size()) != data_prefix_) return absl::nullopt;
  return data_key.substr(data_prefix_.size());
}

}  // namespace nearcache::internal
