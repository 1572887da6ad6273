#include "nearcache/internal/remote/tracking.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nearcache/internal/remote/command.h"
#include "nearcache/internal/remote/server_error.h"

namespace nearcache::internal::remote {
namespace {

constexpr absl::string_view kOption = "coherence.foreign_writers";

bool MeansUnknownCommand(absl::string_view text) {
  for (const absl::string_view sign :
       {"unknown command", "unknown subcommand", "unsupported command", "syntax error", "wrong number of arguments"}) {
    if (absl::StrContainsIgnoreCase(text, sign)) return true;
  }
  return false;
}

}  // namespace

std::string TrackingCommand(absl::string_view prefix, int64_t redirect) {
  if (redirect == 0) return EncodeCommand({"CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", prefix});
  return EncodeCommand({"CLIENT", "TRACKING", "ON", "REDIRECT", absl::StrCat(redirect), "BCAST", "PREFIX", prefix});
}

absl::Status TrackingRefusal(const Reply& answer, const ServerIdentity& server) {
  if (!answer.is_error()) {
    return absl::UnimplementedError(
        absl::StrCat(kOption, ": the server, or a proxy in between, does not answer CLIENT TRACKING as Redis does"));
  }
  const absl::Status said = ServerErrorToStatus(answer.text());
  if (absl::IsPermissionDenied(said)) {
    return absl::PermissionDeniedError(absl::StrCat(
        kOption, ": the user needs the right +client|tracking, and with RESP2 also +client|id and the channel &",
        kInvalidateChannel, ": ", said.message()));
  }
  if (MeansUnknownCommand(answer.text())) {
    const char* const product = server.product == ServerIdentity::Product::kValkey ? "Valkey " : "Redis ";
    return absl::UnimplementedError(absl::StrCat(kOption, " needs CLIENT TRACKING, which came with Redis 6: ", product,
                                                 server.version,
                                                 ", or a proxy in between, does not know it: ", said.message()));
  }
  return absl::Status(said.code(), absl::StrCat(kOption, ": ", said.message()));
}

bool IsPermanentRefusal(const absl::Status& status) {
  return absl::IsPermissionDenied(status) || absl::IsUnimplemented(status) || absl::IsInvalidArgument(status);
}

}  // namespace nearcache::internal::remote
