#include "nearcache/internal/remote/handshake.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "nearcache/internal/remote/command.h"
#include "nearcache/internal/remote/server_error.h"

namespace nearcache::internal::remote {
namespace {

using Kind = HandshakeOutcome::Kind;

// The value of `field` in the text of INFO; empty if it is not there.
absl::string_view InfoField(absl::string_view info, absl::string_view field) {
  for (absl::string_view line : absl::StrSplit(info, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (line.size() > field.size() && absl::StartsWith(line, field) && line[field.size()] == ':') {
      return line.substr(field.size() + 1);
    }
  }
  return absl::string_view();
}

bool MeansHelloIsUnknown(absl::string_view text) {
  return absl::StartsWith(text, "NOPROTO") || absl::StartsWith(text, "NOPERM") ||
         absl::StrContainsIgnoreCase(text, "unknown command") ||
         absl::StrContainsIgnoreCase(text, "unsupported command");
}

bool IsPermanent(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnauthenticated || status.code() == absl::StatusCode::kPermissionDenied ||
         status.code() == absl::StatusCode::kInvalidArgument || status.code() == absl::StatusCode::kFailedPrecondition;
}

ServerIdentity ReadIdentity(absl::string_view server, absl::string_view replication) {
  ServerIdentity identity;
  identity.run_id = std::string(InfoField(server, "run_id"));
  identity.role = std::string(InfoField(replication, "role"));
  const absl::string_view valkey = InfoField(server, "valkey_version");
  if (!valkey.empty()) identity.product = ServerIdentity::Product::kValkey;
  identity.version = std::string(valkey.empty() ? InfoField(server, "redis_version") : valkey);
  return identity;
}

}  // namespace

Handshake::Handshake(const HandshakeOptions& options, int resp_version)
    : options_(options), resp_version_(resp_version) {
  if (resp_version_ == 3) {
    AddHello();
  } else {
    AddAuth();
    if (!options_.client_name.empty()) {
      Add(Step::kSetName, {"CLIENT", "SETNAME", options_.client_name});
    }
  }
  if (options_.database != 0) {
    // Only for the message of a refused SELECT; a user who may not ask gets a message without the limit.
    Add(Step::kDatabases, {"CONFIG", "GET", "databases"});
    Add(Step::kSelect, {"SELECT", absl::StrCat(options_.database)});
  }
  Add(Step::kServer, {"INFO", "server"});
  Add(Step::kReplication, {"INFO", "replication"});
  Add(Step::kPing, {"PING"});
}

void Handshake::Add(Step step, std::initializer_list<absl::string_view> command) {
  AppendCommand(&bytes_, command);
  steps_.push_back(step);
}

void Handshake::AddHello() {
  std::vector<absl::string_view> hello = {"HELLO", "3"};
  if (!options_.password.empty()) {
    const bool has_user = !options_.user.empty();
    hello.insert(hello.end(), {"AUTH", has_user ? absl::string_view(options_.user) : "default", options_.password});
  }
  if (!options_.client_name.empty()) hello.insert(hello.end(), {"SETNAME", options_.client_name});
  AppendCommand(&bytes_, hello);
  steps_.push_back(Step::kHello);
}

void Handshake::AddAuth() {
  if (options_.password.empty()) return;
  if (options_.user.empty()) {
    Add(Step::kAuth, {"AUTH", options_.password});
  } else {
    Add(Step::kAuth, {"AUTH", options_.user, options_.password});
  }
}

HandshakeOutcome Handshake::Refuse(absl::Status status, bool permanent) const {
  HandshakeOutcome outcome;
  outcome.status = absl::Status(status.code(), absl::StrCat(options_.address, ": ", status.message()));
  outcome.permanent = permanent;
  return outcome;
}

Reply::Type Handshake::ExpectedType(Step step) {
  switch (step) {
    case Step::kHello:
      return Reply::Type::kArray;
    case Step::kServer:
    case Step::kReplication:
      return Reply::Type::kString;
    default:
      return Reply::Type::kStatus;
  }
}

HandshakeOutcome Handshake::Judge(absl::Span<const Reply> replies) const {
  const size_t count = std::min(replies.size(), steps_.size());
  for (size_t i = 0; i < count; ++i) {
    // Nothing depends on these two: a name is for people, and the limit is for a message.
    if (steps_[i] == Step::kSetName || steps_[i] == Step::kDatabases) continue;
    if (replies[i].is_error()) return JudgeError(steps_[i], replies[i], replies);
    if (replies[i].type != ExpectedType(steps_[i])) {
      return Refuse(absl::InternalError("does not answer as a Redis server would"), false);
    }
  }
  if (count < steps_.size()) {
    return Refuse(absl::UnavailableError("closed the connection during the handshake"), false);
  }
  return JudgeIdentity(replies);
}

HandshakeOutcome Handshake::JudgeError(Step step, const Reply& reply, absl::Span<const Reply> replies) const {
  if (step == Step::kHello && MeansHelloIsUnknown(reply.text())) {
    HandshakeOutcome outcome;
    outcome.kind = Kind::kNoHello;
    return outcome;
  }
  absl::Status status = ServerErrorToStatus(reply.text());
  if (step == Step::kSelect) status = SelectStatus(reply, replies);
  if (status.code() == absl::StatusCode::kPermissionDenied && (step == Step::kServer || step == Step::kReplication)) {
    status = absl::PermissionDeniedError(
        absl::StrCat("the user needs the right +info, by which a fail-over is noticed: ", status.message()));
  }
  return Refuse(status, IsPermanent(status));
}

const Reply* Handshake::Find(Step step, absl::Span<const Reply> replies) const {
  const auto found = std::find(steps_.begin(), steps_.end(), step);
  const size_t index = static_cast<size_t>(found - steps_.begin());
  return index < std::min(steps_.size(), replies.size()) ? &replies[index] : nullptr;
}

absl::Status Handshake::SelectStatus(const Reply& error, absl::Span<const Reply> replies) const {
  const absl::Status status = ServerErrorToStatus(error.text());
  if (!absl::StrContainsIgnoreCase(error.text(), "out of range")) return status;
  std::string limit;
  const Reply* const databases = Find(Step::kDatabases, replies);
  if (databases != nullptr && databases->elements.size() == 2) {
    limit = absl::StrCat(": the server has ", databases->elements[1].text(), " databases, numbered from 0");
  }
  return absl::InvalidArgumentError(absl::StrCat("database ", options_.database, " is out of range", limit));
}

HandshakeOutcome Handshake::JudgeIdentity(absl::Span<const Reply> replies) const {
  const absl::string_view server = Find(Step::kServer, replies)->text();
  HandshakeOutcome outcome;
  outcome.identity = ReadIdentity(server, Find(Step::kReplication, replies)->text());
  outcome.identity.resp_version = resp_version_;
  if (InfoField(server, "redis_mode") == "sentinel") {
    return Refuse(absl::FailedPreconditionError("is a Sentinel, which holds no data"), true);
  }
  if (outcome.identity.run_id.empty()) {
    return Refuse(absl::InternalError("INFO names no run_id, so a restart could not be noticed"), false);
  }
  if (options_.require_primary && outcome.identity.role != "master") {
    return Refuse(absl::UnavailableError(absl::StrCat("is not a primary: its role is '", outcome.identity.role, "'")),
                  false);
  }
  outcome.kind = Kind::kAccepted;
  return outcome;
}

}  // namespace nearcache::internal::remote
