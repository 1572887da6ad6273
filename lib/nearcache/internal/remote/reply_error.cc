#include "nearcache/internal/remote/reply_error.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace nearcache::internal::remote {
namespace {

constexpr size_t kMessageBytesMax = 200;

struct Meaning {
  absl::string_view code;
  absl::StatusCode status;
};

constexpr Meaning kMeanings[] = {
    {"LOADING", absl::StatusCode::kUnavailable},
    {"BUSY", absl::StatusCode::kUnavailable},
    {"READONLY", absl::StatusCode::kUnavailable},
    {"NOREPLICAS", absl::StatusCode::kUnavailable},
    {"MASTERDOWN", absl::StatusCode::kUnavailable},
    {"CLUSTERDOWN", absl::StatusCode::kUnavailable},
    {"TRYAGAIN", absl::StatusCode::kUnavailable},
    {"MISCONF", absl::StatusCode::kUnavailable},
    {"UNBLOCKED", absl::StatusCode::kUnavailable},
    {"MOVED", absl::StatusCode::kUnavailable},
    {"ASK", absl::StatusCode::kUnavailable},
    {"OOM", absl::StatusCode::kResourceExhausted},
    {"WRONGTYPE", absl::StatusCode::kFailedPrecondition},
    {"NOPERM", absl::StatusCode::kPermissionDenied},
    {"NOAUTH", absl::StatusCode::kUnauthenticated},
    {"WRONGPASS", absl::StatusCode::kUnauthenticated},
    {"EXECABORT", absl::StatusCode::kAborted},
};

}  // namespace

absl::string_view ReplyErrorCode(absl::string_view error_text) {
  return error_text.substr(0, error_text.find(' '));
}

absl::Status ReplyErrorToStatus(absl::string_view error_text) {
  absl::StatusCode status = absl::StatusCode::kInvalidArgument;
  const absl::string_view code = ReplyErrorCode(error_text);
  for (const Meaning& meaning : kMeanings) {
    if (meaning.code == code) status = meaning.status;
  }
  const std::string text = absl::CHexEscape(error_text.substr(0, kMessageBytesMax));
  return absl::Status(status, absl::StrCat("the server answered: ", text));
}

}  // namespace nearcache::internal::remote
