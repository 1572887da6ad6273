#include "nearcache/internal/remote/server_error.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace nearcache::internal::remote {
namespace {

constexpr size_t kTextSizeMax = 200;
constexpr size_t kKeySizeMax = 128;

struct CodeMeaning {
  absl::string_view code;
  absl::StatusCode meaning;
};

constexpr CodeMeaning kMeanings[] = {
    {"WRONGTYPE", absl::StatusCode::kFailedPrecondition},
    {"OOM", absl::StatusCode::kResourceExhausted},
    {"LOADING", absl::StatusCode::kUnavailable},
    {"BUSY", absl::StatusCode::kUnavailable},
    {"MISCONF", absl::StatusCode::kUnavailable},
    {"READONLY", absl::StatusCode::kUnavailable},
    {"NOREPLICAS", absl::StatusCode::kUnavailable},
    {"MASTERDOWN", absl::StatusCode::kUnavailable},
    {"CLUSTERDOWN", absl::StatusCode::kUnavailable},
    {"TRYAGAIN", absl::StatusCode::kUnavailable},
    {"MOVED", absl::StatusCode::kUnavailable},
    {"ASK", absl::StatusCode::kUnavailable},
    {"UNBLOCKED", absl::StatusCode::kUnavailable},
    {"NOPERM", absl::StatusCode::kPermissionDenied},
    {"DENIED", absl::StatusCode::kPermissionDenied},
    {"NOAUTH", absl::StatusCode::kUnauthenticated},
    {"WRONGPASS", absl::StatusCode::kUnauthenticated},
    {"EXECABORT", absl::StatusCode::kAborted},
};

// Texts of servers that give no code of their own for it.
constexpr CodeMeaning kGenericMeanings[] = {
    {"max number of clients", absl::StatusCode::kUnavailable},
    {"Client sent AUTH", absl::StatusCode::kUnauthenticated},
    {"AUTH <password> called", absl::StatusCode::kUnauthenticated},
    {"invalid password", absl::StatusCode::kUnauthenticated},
    {"ACL failure in script", absl::StatusCode::kPermissionDenied},
    {"The user executing the script can't", absl::StatusCode::kPermissionDenied},
};

// Takes Redis 6's wrapping away: "ERR Error running script (call to f_...): @user_script:12: CODE ...", where an error
// of redis.pcall says "@user_script: 12: " once more.
absl::string_view Unwrap(absl::string_view text) {
  constexpr absl::string_view kPlace = "@user_script:";
  absl::ConsumePrefix(&text, "-");
  const size_t first = text.find(kPlace);
  if (!absl::StartsWith(text, "ERR Error running script") || first == absl::string_view::npos) return text;
  absl::string_view inner = text.substr(first);
  while (absl::ConsumePrefix(&inner, kPlace)) {
    const size_t end_of_line_number = inner.find(':');
    if (end_of_line_number == absl::string_view::npos) return text;
    inner = absl::StripLeadingAsciiWhitespace(inner.substr(end_of_line_number + 1));
  }
  absl::ConsumePrefix(&inner, "-");
  return inner;
}

absl::StatusCode MeaningOf(absl::string_view text) {
  const absl::string_view code = ServerErrorCode(text);
  for (const CodeMeaning& entry : kMeanings) {
    if (code == entry.code) return entry.meaning;
  }
  for (const CodeMeaning& entry : kGenericMeanings) {
    if (absl::StrContains(text, entry.code)) return entry.meaning;
  }
  return absl::StatusCode::kInvalidArgument;
}

// Newer servers append " script: <digest>, on @user_script:12.".
absl::string_view WithoutPlace(absl::string_view text) {
  const size_t place = text.find(", on @user_script");
  if (place == absl::string_view::npos) return text;
  text = text.substr(0, place);
  return text.substr(0, text.rfind(" script: "));
}

// Without what may quote arguments, and without the place in a script, which says nothing to a user.
std::string SafeText(absl::string_view text) {
  text = WithoutPlace(text);
  for (const absl::string_view end : {", with args beginning with", "\r", "\n"}) {
    text = text.substr(0, text.find(end));
  }
  return absl::CHexEscape(text.substr(0, kTextSizeMax));
}

}  // namespace

absl::string_view ServerErrorCode(absl::string_view text) {
  text = Unwrap(text);
  const absl::string_view word = text.substr(0, text.find(' '));
  const bool is_code = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return absl::ascii_isupper(static_cast<unsigned char>(c));
  });
  return is_code ? word : absl::string_view("ERR");
}

absl::Status ServerErrorToStatus(absl::string_view text, absl::string_view redis_key) {
  const std::string said = absl::StrCat("the server answered: ", SafeText(Unwrap(text)));
  if (redis_key.empty()) return absl::Status(MeaningOf(text), said);
  return absl::Status(MeaningOf(text), absl::StrCat("key \"", PrintableKey(redis_key), "\": ", said));
}

bool MeansLeaveServer(absl::string_view text) {
  const absl::string_view code = ServerErrorCode(text);
  return code == "READONLY" || code == "NOREPLICAS" || code == "MASTERDOWN";
}

std::string PrintableKey(absl::string_view key) {
  if (key.size() <= kKeySizeMax) return absl::CHexEscape(key);
  return absl::StrCat(absl::CHexEscape(key.substr(0, kKeySizeMax)), "...");
}

}  // namespace nearcache::internal::remote
