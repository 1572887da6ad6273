// Options from a URL and from the environment. The other half, options.cc, judges what they say.

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nearcache/internal/base/key_space.h"
#include "nearcache/internal/base/text_units.h"
#include "nearcache/internal/base/url.h"
#include "nearcache/options.h"

namespace nearcache {
namespace {

using internal::CheckKeyPrefix;
using internal::NotReadable;
using internal::ParseByteSize;
using internal::ParseInteger;
using internal::ParseUnitDuration;
using internal::Quoted;
using internal::Url;

// --- Parameters, one reader each.

absl::Status ReadInteger(absl::string_view field, absl::string_view text, int64_t least, int64_t greatest,
                         int* number) {
  const absl::StatusOr<int64_t> read = ParseInteger(field, text, least, greatest);
  if (read.ok()) *number = static_cast<int>(*read);
  return read.status();
}

absl::Status ReadDuration(absl::string_view field, absl::string_view text, absl::Duration* duration) {
  const absl::StatusOr<absl::Duration> read = ParseUnitDuration(field, text);
  if (read.ok()) *duration = *read;
  return read.status();
}

absl::Status ReadKeyPrefix(absl::string_view field, absl::string_view text, std::string* prefix) {
  const absl::Status status = CheckKeyPrefix(field, text);
  if (status.ok()) *prefix = std::string(text);
  return status;
}

absl::Status ReadClientName(absl::string_view, absl::string_view text, Options* options) {
  options->remote.client_name = std::string(text);
  return absl::OkStatus();
}

absl::Status ReadDatabase(absl::string_view field, absl::string_view text, Options* options) {
  return ReadInteger(field, text, 0, std::numeric_limits<int>::max(), &options->remote.database);
}

absl::Status ReadResp(absl::string_view field, absl::string_view text, Options* options) {
  return ReadInteger(field, text, 2, 3, &options->remote.resp_version);
}

absl::Status ReadKeyVersion(absl::string_view field, absl::string_view text, Options* options) {
  const absl::StatusOr<int64_t> version = ParseInteger(field, text, 0, internal::kKeyVersionMax);
  if (version.ok()) options->key_version = *version;
  return version.status();
}

absl::Status ReadPrefix(absl::string_view field, absl::string_view text, Options* options) {
  return ReadKeyPrefix(field, text, &options->key_prefix);
}

absl::Status ReadConnectTimeout(absl::string_view field, absl::string_view text, Options* options) {
  return ReadDuration(field, text, &options->remote.connect_timeout);
}

absl::Status ReadCommandTimeout(absl::string_view field, absl::string_view text, Options* options) {
  return ReadDuration(field, text, &options->remote.command_timeout);
}

absl::Status ReadHealthTimeout(absl::string_view field, absl::string_view text, Options* options) {
  return ReadDuration(field, text, &options->remote.health_timeout);
}

absl::Status ReadStalenessBound(absl::string_view field, absl::string_view text, Options* options) {
  return ReadDuration(field, text, &options->coherence.staleness_bound);
}

absl::Status ReadForeignWriters(absl::string_view field, absl::string_view text, Options* options) {
  if (text != "on" && text != "off") return NotReadable(field, text, "on or off");
  options->coherence.foreign_writers = text == "on";
  return absl::OkStatus();
}

absl::Status ReadReplayWindow(absl::string_view field, absl::string_view text, Options* options) {
  return ReadDuration(field, text, &options->coherence.replay_window);
}

absl::Status ReadLinkDownPolicy(absl::string_view field, absl::string_view text, Options* options) {
  if (text != "serve" && text != "go_remote" && text != "fail") {
    return NotReadable(field, text, "serve, go_remote or fail");
  }
  options->coherence.link_down_policy = text == "serve"       ? LinkDownPolicy::kServeWithinBound
                                        : text == "go_remote" ? LinkDownPolicy::kGoRemote
                                                              : LinkDownPolicy::kFail;
  return absl::OkStatus();
}

absl::Status ReadTimeToLive(absl::string_view field, absl::string_view text, Options* options) {
  return ReadDuration(field, text, &options->default_time_to_live);
}

absl::Status ReadLocalCapacity(absl::string_view field, absl::string_view text, Options* options) {
  const absl::StatusOr<int64_t> size = ParseByteSize(field, text);
  if (!size.ok()) return size.status();
  options->local.capacity_bytes = static_cast<size_t>(*size);
  // A URL cannot say how large an entry may be, so that follows. Without a local tier it does not
  // matter.
  const size_t entry_bytes_max = options->local.capacity_bytes / LocalOptions::kEntriesMin;
  if (*size > 0) options->local.entry_bytes_max = std::min(options->local.entry_bytes_max, entry_bytes_max);
  return absl::OkStatus();
}

absl::Status ReadLocalPolicy(absl::string_view field, absl::string_view text, Options* options) {
  if (text != "lru" && text != "scan_resistant") return NotReadable(field, text, "lru or scan_resistant");
  options->local.policy = text == "lru" ? LocalPolicy::kLru : LocalPolicy::kScanResistant;
  return absl::OkStatus();
}

absl::Status ReadIdleTimeout(absl::string_view field, absl::string_view text, Options* options) {
  return ReadDuration(field, text, &options->local.idle_timeout);
}

absl::Status ReadBreaker(absl::string_view field, absl::string_view text, Options* options) {
  if (text != "on" && text != "off") return NotReadable(field, text, "on or off");
  options->remote.breaker.enabled = text == "on";
  return absl::OkStatus();
}

absl::Status ReadBreakerWindow(absl::string_view field, absl::string_view text, Options* options) {
  return ReadDuration(field, text, &options->remote.breaker.window);
}

absl::Status ReadBreakerCallsMin(absl::string_view field, absl::string_view text, Options* options) {
  return ReadInteger(field, text, 1, 1'000'000, &options->remote.breaker.calls_min);
}

absl::Status ReadBreakerBadShare(absl::string_view field, absl::string_view text, Options* options) {
  const bool read = absl::SimpleAtod(text, &options->remote.breaker.bad_share);
  return read ? absl::OkStatus() : NotReadable(field, text, "a number above 0, to 1");
}

absl::Status ReadBreakerSlowCall(absl::string_view field, absl::string_view text, Options* options) {
  return ReadDuration(field, text, &options->remote.breaker.slow_call);
}

absl::Status ReadBreakerOpenTime(absl::string_view field, absl::string_view text, Options* options) {
  const absl::Status status = ReadDuration(field, text, &options->remote.breaker.open_time);
  BreakerOptions& breaker = options->remote.breaker;
  breaker.open_time_max = std::max(breaker.open_time_max, breaker.open_time);
  return status;
}

absl::Status ReadReconnects(absl::string_view field, absl::string_view text, Options* options) {
  return ReadInteger(field, text, 1, 1000, &options->remote.reconnects_per_second_max);
}

absl::Status ReadRetryShare(absl::string_view field, absl::string_view text, Options* options) {
  const bool read = absl::SimpleAtod(text, &options->remote.retry_share);
  return read ? absl::OkStatus() : NotReadable(field, text, "a number from 0 to 1");
}

absl::Status ReadRetriesMax(absl::string_view field, absl::string_view text, Options* options) {
  return ReadInteger(field, text, 0, 1'000'000, &options->remote.retries_max);
}

absl::Status ReadReplyBytes(absl::string_view field, absl::string_view text, Options* options) {
  const absl::StatusOr<int64_t> size = ParseByteSize(field, text);
  if (size.ok()) options->remote.reply_bytes_max = static_cast<size_t>(*size);
  return size.status();
}

struct Parameter {
  absl::string_view name;
  absl::Status (*read)(absl::string_view field, absl::string_view text, Options* options);
};

constexpr Parameter kParameters[] = {
    {"breaker", ReadBreaker},
    {"breaker_bad_share", ReadBreakerBadShare},
    {"breaker_calls_min", ReadBreakerCallsMin},
    {"breaker_open_time", ReadBreakerOpenTime},
    {"breaker_slow_call", ReadBreakerSlowCall},
    {"breaker_window", ReadBreakerWindow},
    {"client_name", ReadClientName},
    {"command_timeout", ReadCommandTimeout},
    {"connect_timeout", ReadConnectTimeout},
    {"database", ReadDatabase},
    {"default_time_to_live", ReadTimeToLive},
    {"foreign_writers", ReadForeignWriters},
    {"health_timeout", ReadHealthTimeout},
    {"key_prefix", ReadPrefix},
    {"key_version", ReadKeyVersion},
    {"link_down_policy", ReadLinkDownPolicy},
    {"local_capacity", ReadLocalCapacity},
    {"local_idle_timeout", ReadIdleTimeout},
    {"local_policy", ReadLocalPolicy},
    {"reconnects_per_second_max", ReadReconnects},
    {"replay_window", ReadReplayWindow},
    {"reply_bytes_max", ReadReplyBytes},
    {"resp", ReadResp},
    {"retries_max", ReadRetriesMax},
    {"retry_share", ReadRetryShare},
    {"staleness_bound", ReadStalenessBound},
};

std::string KnownParameters() {
  return absl::StrJoin(kParameters, ", ",
                       [](std::string* out, const Parameter& parameter) { out->append(parameter.name); });
}

absl::Status ReadParameter(absl::string_view name, absl::string_view text, Options* options) {
  for (const Parameter& parameter : kParameters) {
    if (parameter.name == name) return parameter.read(absl::StrCat("URL parameter ", name), text, options);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("URL: unknown parameter ", Quoted(name), "; known are ", KnownParameters()));
}

bool HasParameter(const Url& url, absl::string_view name) {
  return std::any_of(url.parameters.begin(), url.parameters.end(),
                     [&](const auto& parameter) { return parameter.first == name; });
}

// --- The server.

absl::Status ReadUnixSocket(const Url& url, Options* options) {
  if (!url.host.empty() || url.port.has_value() || url.path.size() < 2) {
    return absl::InvalidArgumentError("URL: unix:// needs the absolute path of the socket, as unix:///run/redis.sock");
  }
  options->remote.unix_socket = url.path;
  return absl::OkStatus();
}

absl::Status ReadHost(const Url& url, Options* options) {
  if (url.host.empty()) return absl::InvalidArgumentError("URL: the host is missing, as in redis://host:6379");
  options->remote.host = url.host;
  options->remote.port = url.port.value_or(options->remote.port);
  const absl::string_view database = absl::string_view(url.path).substr(url.path.empty() ? 0 : 1);
  if (database.empty()) return absl::OkStatus();
  if (HasParameter(url, "database")) {
    return absl::InvalidArgumentError("URL: database is given twice, in the path and as a parameter");
  }
  return ReadDatabase("URL database", database, options);
}

absl::Status ReadServer(const Url& url, Options* options) {
  options->remote.user = url.user;
  options->remote.password = url.password;
  if (url.scheme == "unix") return ReadUnixSocket(url, options);
  options->remote.tls = url.scheme == "rediss";
  if (options->remote.tls || url.scheme == "redis") return ReadHost(url, options);
  return NotReadable("URL scheme", url.scheme, "redis, rediss or unix");
}

// --- The environment.

// Null and empty are the same: a variable is often unset by setting it to nothing.
absl::string_view Variable(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? absl::string_view() : absl::string_view(text);
}

absl::Status Within(absl::string_view variable, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(variable, ": ", status.message()));
}

absl::StatusOr<Options> FromUrlVariable() {
  const absl::string_view url = Variable("REDIS_URL");
  if (url.empty()) return Options();
  absl::StatusOr<Options> options = Options::FromUrl(url);
  if (!options.ok()) return Within("REDIS_URL", options.status());
  if (options->remote.password.empty()) options->remote.password = std::string(Variable("REDIS_PASSWORD"));
  return options;
}

}  // namespace

absl::StatusOr<Options> Options::FromUrl(absl::string_view url) {
  const absl::StatusOr<Url> parts = internal::ParseUrl(url);
  if (!parts.ok()) return parts.status();
  Options options;
  absl::Status status = ReadServer(*parts, &options);
  if (!status.ok()) return status;
  for (const auto& parameter : parts->parameters) {
    status = ReadParameter(parameter.first, parameter.second, &options);
    if (!status.ok()) return status;
  }
  if (!HasParameter(*parts, "health_timeout")) {
    options.remote.health_timeout = std::max(options.remote.health_timeout, options.remote.command_timeout);
  }
  return options;
}

absl::StatusOr<Options> Options::FromEnvironment() {
  absl::StatusOr<Options> options = FromUrlVariable();
  if (!options.ok()) return options;
  const absl::string_view timeout = Variable("CACHE_TIMEOUT");
  if (!timeout.empty()) {
    const absl::StatusOr<int64_t> seconds =
        ParseInteger("CACHE_TIMEOUT", timeout, 1, std::numeric_limits<int32_t>::max());
    if (!seconds.ok()) return seconds.status();
    options->default_time_to_live = absl::Seconds(*seconds);
  }
  const absl::string_view project = Variable("PROJECT_NAME");
  if (!project.empty() && options->key_prefix.empty()) {
    const absl::Status status = ReadKeyPrefix("PROJECT_NAME", project, &options->key_prefix);
    if (!status.ok()) return status;
  }
  return options;
}

}  // namespace nearcache
