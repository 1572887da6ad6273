#include "nearcache/internal/remote/command_filter.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace nearcache::internal::remote {
namespace {

constexpr absl::string_view kChangesConnection[] = {
    "ASKING",     "AUTH",         "DISCARD",      "EXEC",     "HELLO",       "MONITOR",  "MULTI", "PSUBSCRIBE",
    "PSYNC",      "PUNSUBSCRIBE", "QUIT",         "READONLY", "READWRITE",   "REPLCONF", "RESET", "SELECT",
    "SSUBSCRIBE", "SUBSCRIBE",    "SUNSUBSCRIBE", "SYNC",     "UNSUBSCRIBE", "UNWATCH",  "WATCH",
};

constexpr absl::string_view kBlocks[] = {
    "BLMOVE", "BLMPOP", "BLPOP", "BRPOP", "BRPOPLPUSH", "BZMPOP", "BZPOPMAX", "BZPOPMIN", "WAIT", "WAITAOF",
};

// CLIENT has many subcommands, and new ones appear: these leave the connection as it is.
constexpr absl::string_view kHarmlessClientSubcommands[] = {
    "GETNAME", "GETREDIR", "HELP", "ID", "INFO", "KILL", "LIST", "PAUSE", "TRACKINGINFO", "UNBLOCK", "UNPAUSE",
};

template <size_t n>
bool Contains(const absl::string_view (&names)[n], absl::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool ReadsWithBlock(absl::Span<const std::string> arguments, absl::string_view name) {
  if (name != "XREAD" && name != "XREADGROUP") return false;
  for (const std::string& argument : arguments.subspan(1)) {
    // Names of streams and ids follow, which may be anything.
    if (absl::EqualsIgnoreCase(argument, "STREAMS")) return false;
    if (absl::EqualsIgnoreCase(argument, "BLOCK")) return true;
  }
  return false;
}

bool SubcommandChangesConnection(absl::Span<const std::string> arguments, absl::string_view name) {
  const std::string subcommand = arguments.size() > 1 ? absl::AsciiStrToUpper(arguments[1]) : std::string();
  if (name == "CLIENT") return !Contains(kHarmlessClientSubcommands, subcommand);
  return name == "SCRIPT" && subcommand == "DEBUG";
}

}  // namespace

absl::Status CheckUserCommand(absl::Span<const std::string> arguments) {
  if (arguments.empty() || arguments[0].empty()) return absl::InvalidArgumentError("the command is empty");
  const std::string name = absl::AsciiStrToUpper(arguments[0]);
  const auto refuse = [&name](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("the command ", absl::CHexEscape(name.substr(0, 32)), " ", why));
  };
  if (Contains(kChangesConnection, name) || SubcommandChangesConnection(arguments, name)) {
    return refuse("would change the connection that all calls share");
  }
  if (Contains(kBlocks, name) || ReadsWithBlock(arguments, name)) {
    return refuse("could block the connection that all calls share");
  }
  return absl::OkStatus();
}

}  // namespace nearcache::internal::remote
