#include "nearcache/options.h"

#include <algorithm>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "nearcache/internal/base/key_space.h"
#include "nearcache/internal/base/text_units.h"

namespace nearcache {
namespace {

using internal::Quoted;

constexpr size_t kLocalCapacityMin = size_t{1} << 20;
constexpr int kStripesMax = 1024;
constexpr size_t kHostBytesMax = 255;
constexpr size_t kSocketPathBytesMax = 107;  // What sockaddr_un has room for.
constexpr size_t kCredentialBytesMax = 4096;
constexpr size_t kClientNameBytesMax = 128;
constexpr absl::Duration kTimeoutMin = absl::Milliseconds(1);
constexpr absl::Duration kTimeoutMax = absl::Hours(1);
constexpr absl::Duration kBackoffMin = absl::Milliseconds(20);  // What the pauses double from.
constexpr size_t kKeyBytesMax = size_t{1} << 20;
constexpr size_t kValueBytesMax = size_t{512} << 20;  // Redis' own limit of a string.
constexpr size_t kCountMax = size_t{1} << 30;
constexpr size_t kBytesMax = size_t{1} << 62;
// Room for the rest of one command: frame header, prefix, script arguments, announcement.
constexpr size_t kCommandOverheadBytes = size_t{64} << 10;

// Collects the first complaint: each check does nothing once there is one.
class Checker {
 public:
  absl::Status status() const { return status_; }

  // Complains that `field` is `given` when `ok` is false. `wanted` says what it must be.
  void Expect(bool ok, absl::string_view field, absl::string_view given, absl::string_view wanted) {
    if (ok || !status_.ok()) return;
    status_ = absl::InvalidArgumentError(absl::StrCat(field, ": ", given, " must be ", wanted));
  }

  template <typename Number>
  void Range(absl::string_view field, Number given, Number least, Number greatest) {
    Expect(least <= given && given <= greatest, field, absl::StrCat(given),
           absl::StrCat("from ", least, " to ", greatest));
  }

  void Range(absl::string_view field, absl::Duration given, absl::Duration least, absl::Duration greatest) {
    Expect(least <= given && given <= greatest, field, absl::FormatDuration(given),
           absl::StrCat("from ", absl::FormatDuration(least), " to ", absl::FormatDuration(greatest)));
  }

  void Length(absl::string_view field, absl::string_view given, size_t bytes_max) {
    Expect(given.size() <= bytes_max, field, absl::StrCat(given.size(), " bytes"),
           absl::StrCat("at most ", bytes_max, " bytes"));
  }

  void Take(const absl::Status& status) { status_.Update(status); }

 private:
  absl::Status status_;
};

bool IsVisible(char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); }
bool AllVisible(absl::string_view text) { return std::all_of(text.begin(), text.end(), IsVisible); }

bool IsPowerOfTwo(int number) { return number > 0 && (number & (number - 1)) == 0; }

void CheckLocal(const LocalOptions& local, Checker* check) {
  check->Expect(local.stripe_count == 0 || IsPowerOfTwo(local.stripe_count), "local.stripe_count",
                absl::StrCat(local.stripe_count), "a power of two, or 0");
  check->Range("local.stripe_count", local.stripe_count, 0, kStripesMax);
  check->Expect(local.time_to_live_max > absl::ZeroDuration(), "local.time_to_live_max",
                absl::FormatDuration(local.time_to_live_max), "more than 0");
  check->Range("local.removal_queue_entries_max", local.removal_queue_entries_max, size_t{1}, kCountMax);
  check->Range("local.removal_queue_bytes_max", local.removal_queue_bytes_max, size_t{1}, kBytesMax);
  if (local.capacity_bytes == 0) return;
  check->Expect(local.capacity_bytes >= kLocalCapacityMin, "local.capacity_bytes", absl::StrCat(local.capacity_bytes),
                absl::StrCat("0, or at least ", kLocalCapacityMin));
  check->Range("local.capacity_bytes", local.capacity_bytes, kLocalCapacityMin, kBytesMax);
  const size_t entry_bytes_max = local.capacity_bytes / LocalOptions::kEntriesMin;
  check->Expect(local.entry_bytes_max > 0 && local.entry_bytes_max <= entry_bytes_max, "local.entry_bytes_max",
                absl::StrCat(local.entry_bytes_max),
                absl::StrCat("from 1 to ", entry_bytes_max, ", a sixteenth of local.capacity_bytes"));
}

void CheckEndpoint(const RemoteOptions& remote, Checker* check) {
  check->Expect(remote.host.empty() || remote.unix_socket.empty(), "remote.unix_socket", Quoted(remote.unix_socket),
                absl::StrCat("empty when remote.host is set (", Quoted(remote.host), "), or the other way round"));
  check->Length("remote.host", remote.host, kHostBytesMax);
  check->Expect(AllVisible(remote.host), "remote.host", Quoted(remote.host),
                "a host name or address: no spaces, control characters or bytes beyond ASCII");
  check->Range("remote.port", remote.port, 1, 65535);
  check->Length("remote.unix_socket", remote.unix_socket, kSocketPathBytesMax);
  const bool absolute = remote.unix_socket.empty() || remote.unix_socket[0] == '/';
  check->Expect(absolute && remote.unix_socket.find('\0') == std::string::npos, "remote.unix_socket",
                Quoted(remote.unix_socket), "an absolute path without a zero byte");
  check->Expect(!remote.tls || remote.unix_socket.empty(), "remote.tls", "true",
                "false with a unix socket, which never leaves the machine");
}

void CheckBreaker(const BreakerOptions& breaker, Checker* check) {
  check->Range("remote.breaker.window", breaker.window, absl::Milliseconds(100), kTimeoutMax);
  check->Range("remote.breaker.calls_min", breaker.calls_min, 1, 1'000'000);
  // Written so that NaN is refused.
  check->Expect(breaker.bad_share > 0 && breaker.bad_share <= 1, "remote.breaker.bad_share",
                absl::StrCat(breaker.bad_share), "above 0, to 1");
  check->Range("remote.breaker.slow_call", breaker.slow_call, kTimeoutMin, kTimeoutMax);
  check->Range("remote.breaker.open_time", breaker.open_time, kTimeoutMin, kTimeoutMax);
  check->Expect(breaker.open_time_max >= breaker.open_time, "remote.breaker.open_time_max",
                absl::FormatDuration(breaker.open_time_max),
                absl::StrCat("at least remote.breaker.open_time (", absl::FormatDuration(breaker.open_time), ")"));
  check->Range("remote.breaker.open_time_max", breaker.open_time_max, kTimeoutMin, kTimeoutMax);
  check->Range("remote.breaker.probes", breaker.probes, 1, 1000);
}

void CheckRemote(const RemoteOptions& remote, Checker* check) {
  CheckEndpoint(remote, check);
  check->Length("remote.user", remote.user, kCredentialBytesMax);
  check->Length("remote.password", remote.password, kCredentialBytesMax);
  check->Range("remote.database", remote.database, 0, std::numeric_limits<int>::max());
  check->Length("remote.client_name", remote.client_name, kClientNameBytesMax);
  check->Expect(AllVisible(remote.client_name), "remote.client_name", Quoted(remote.client_name),
                "of visible ASCII characters without spaces");
  check->Range("remote.connect_timeout", remote.connect_timeout, kTimeoutMin, kTimeoutMax);
  check->Range("remote.command_timeout", remote.command_timeout, kTimeoutMin, kTimeoutMax);
  check->Expect(remote.health_timeout >= remote.command_timeout, "remote.health_timeout",
                absl::FormatDuration(remote.health_timeout),
                absl::StrCat("at least remote.command_timeout (", absl::FormatDuration(remote.command_timeout), ")"));
  check->Range("remote.health_timeout", remote.health_timeout, kTimeoutMin, kTimeoutMax);
  check->Range("remote.reconnect_backoff_max", remote.reconnect_backoff_max, kBackoffMin, kTimeoutMax);
  check->Range("remote.reconnects_per_second_max", remote.reconnects_per_second_max, 1, 1000);
  // Written so that NaN is refused.
  check->Expect(remote.retry_share >= 0 && remote.retry_share <= 1, "remote.retry_share",
                absl::StrCat(remote.retry_share), "from 0 to 1");
  check->Range("remote.retries_max", remote.retries_max, 0, 1'000'000);
  check->Range("remote.operations_max", remote.operations_max, size_t{1}, kCountMax);
  CheckBreaker(remote.breaker, check);
  check->Expect(remote.resp_version == 2 || remote.resp_version == 3, "remote.resp_version",
                absl::StrCat(remote.resp_version), "2 or 3");
}

void CheckLimits(const Options& options, Checker* check) {
  const LimitOptions& limits = options.limits;
  check->Range("limits.key_bytes_max", limits.key_bytes_max, size_t{1}, kKeyBytesMax);
  check->Range("limits.value_bytes_max", limits.value_bytes_max, size_t{1}, kValueBytesMax);
  check->Range("limits.calls_max", limits.calls_max, size_t{1}, kCountMax);
  if (!options.has_remote()) return;
  const size_t command_bytes_max = limits.value_bytes_max + 4 * limits.key_bytes_max + kCommandOverheadBytes;
  check->Expect(options.remote.queued_bytes_max >= command_bytes_max, "remote.queued_bytes_max",
                absl::StrCat(options.remote.queued_bytes_max),
                absl::StrCat("at least ", command_bytes_max, ", or a value of limits.value_bytes_max (",
                             limits.value_bytes_max, ") could never be sent"));
  const size_t reply_bytes_max = limits.value_bytes_max + kCommandOverheadBytes;
  check->Expect(options.remote.reply_bytes_max >= reply_bytes_max, "remote.reply_bytes_max",
                absl::StrCat(options.remote.reply_bytes_max),
                absl::StrCat("at least ", reply_bytes_max, ", or a value of limits.value_bytes_max (",
                             limits.value_bytes_max, ") could never be read"));
  check->Range("remote.queued_bytes_max", options.remote.queued_bytes_max, size_t{1}, kBytesMax);
}

void CheckShared(const Options& options, Checker* check) {
  check->Take(internal::CheckKeyPrefix("key_prefix", options.key_prefix));
  check->Range("key_version", options.key_version, int64_t{0}, internal::kKeyVersionMax);
  check->Expect(options.default_time_to_live >= absl::Milliseconds(1), "default_time_to_live",
                absl::FormatDuration(options.default_time_to_live), "at least 1ms, or infinite");
  if (options.executor == nullptr) check->Range("callback_threads", options.callback_threads, 1, 64);
}

// One `name=value` line per field.
class Lines {
 public:
  template <typename Number>
  void Add(absl::string_view name, Number value) {
    absl::StrAppend(&text_, name, "=", value, "\n");
  }
  void Add(absl::string_view name, bool value) { Add(name, value ? "true" : "false"); }
  void Add(absl::string_view name, absl::Duration value) { Add(name, absl::FormatDuration(value)); }
  void Add(absl::string_view name, const std::string& text) { Add(name, absl::string_view(text)); }
  // In quotes, so that no value can pretend to be a line of its own.
  void AddQuoted(absl::string_view name, absl::string_view text) { Add(name, Quoted(text)); }
  // Not even the length of a secret is anybody's business; only whether there is one.
  void AddSecret(absl::string_view name, absl::string_view secret) { Add(name, secret.empty() ? "" : "***"); }

  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

absl::string_view PolicyName(LocalPolicy policy) {
  switch (policy) {
    case LocalPolicy::kLru:
      return "lru";
    case LocalPolicy::kScanResistant:
      return "scan_resistant";
  }
  return "unknown";
}

absl::string_view PolicyName(LinkDownPolicy policy) {
  switch (policy) {
    case LinkDownPolicy::kServeWithinBound:
      return "serve_within_bound";
    case LinkDownPolicy::kGoRemote:
      return "go_remote";
    case LinkDownPolicy::kFail:
      return "fail";
  }
  return "unknown";
}

void AddRemote(const RemoteOptions& remote, Lines* lines) {
  lines->AddQuoted("remote.host", remote.host);
  lines->Add("remote.port", remote.port);
  lines->AddQuoted("remote.unix_socket", remote.unix_socket);
  lines->AddQuoted("remote.user", remote.user);
  lines->AddSecret("remote.password", remote.password);
  lines->Add("remote.database", remote.database);
  lines->Add("remote.tls", remote.tls);
  lines->AddQuoted("remote.client_name", remote.client_name);
  lines->Add("remote.connect_timeout", remote.connect_timeout);
  lines->Add("remote.command_timeout", remote.command_timeout);
  lines->Add("remote.health_timeout", remote.health_timeout);
  lines->Add("remote.reconnect_backoff_max", remote.reconnect_backoff_max);
  lines->Add("remote.reconnects_per_second_max", remote.reconnects_per_second_max);
  lines->Add("remote.retry_share", remote.retry_share);
  lines->Add("remote.retries_max", remote.retries_max);
  lines->Add("remote.reply_bytes_max", remote.reply_bytes_max);
  lines->Add("remote.on_operation", remote.on_operation == nullptr ? "none" : "given");
  lines->Add("remote.operations_max", remote.operations_max);
  lines->Add("remote.queued_bytes_max", remote.queued_bytes_max);
  lines->Add("remote.breaker.enabled", remote.breaker.enabled);
  lines->Add("remote.breaker.window", remote.breaker.window);
  lines->Add("remote.breaker.calls_min", remote.breaker.calls_min);
  lines->Add("remote.breaker.bad_share", remote.breaker.bad_share);
  lines->Add("remote.breaker.slow_call", remote.breaker.slow_call);
  lines->Add("remote.breaker.open_time", remote.breaker.open_time);
  lines->Add("remote.breaker.open_time_max", remote.breaker.open_time_max);
  lines->Add("remote.breaker.probes", remote.breaker.probes);
  lines->Add("remote.on_event", remote.on_event == nullptr ? "none" : "given");
  lines->Add("remote.resp_version", remote.resp_version);
}

void CheckRetention(const LocalOptions& local, Checker* check) {
  if (local.capacity_bytes == 0) return;
  check->Expect(PolicyName(local.policy) != "unknown", "local.policy", absl::StrCat(static_cast<int>(local.policy)),
                "one of LocalPolicy");
  check->Expect(local.idle_timeout >= absl::Milliseconds(1), "local.idle_timeout",
                absl::FormatDuration(local.idle_timeout), "at least 1ms, or infinite");
  // Written so that NaN is refused.
  check->Expect(local.time_to_live_jitter >= 0 && local.time_to_live_jitter <= 1, "local.time_to_live_jitter",
                absl::StrCat(local.time_to_live_jitter), "from 0 to 1");
}

void CheckAudit(const AuditOptions& audit, Checker* check) {
  // Written so that NaN is refused.
  check->Expect(audit.hit_share >= 0 && audit.hit_share <= 1, "audit.hit_share", absl::StrCat(audit.hit_share),
                "from 0 to 1");
  check->Range("audit.reads_per_second_max", audit.reads_per_second_max, 1, 1'000'000);
  check->Range("audit.bytes_per_second_max", audit.bytes_per_second_max, size_t{1}, kBytesMax);
  check->Range("audit.checks_max", audit.checks_max, 1, 1024);
}

}  // namespace

absl::Status Options::Validate() const {
  Checker check;
  CheckLocal(local, &check);
  CheckRetention(local, &check);
  CheckShared(*this, &check);
  CheckLimits(*this, &check);
  if (!has_remote()) return check.status();
  CheckRemote(remote, &check);
  check.Range("coherence.staleness_bound", coherence.staleness_bound, absl::Milliseconds(50), absl::Minutes(1));
  check.Expect(PolicyName(coherence.link_down_policy) != "unknown", "coherence.link_down_policy",
               absl::StrCat(static_cast<int>(coherence.link_down_policy)), "one of LinkDownPolicy");
  check.Range("coherence.replay_window", coherence.replay_window, absl::ZeroDuration(), absl::Hours(1));
  check.Range("coherence.replay_entries_max", coherence.replay_entries_max, size_t{1}, size_t{1} << 24);
  check.Range("coherence.replay_bytes_max", coherence.replay_bytes_max, size_t{1}, kBytesMax);
  CheckAudit(audit, &check);
  check.Range("codec.compression_level", codec.compression_level, 1, 19);
  if (check.status().ok() && remote.tls) {
    return absl::UnimplementedError(
        "remote.tls: this build of nearcache has no TLS yet; use redis:// or unix://, or a TLS "
        "tunnel on this machine");
  }
  return check.status();
}

std::string Options::ToString() const {
  Lines lines;
  AddRemote(remote, &lines);
  lines.Add("local.capacity_bytes", local.capacity_bytes);
  lines.Add("local.entry_bytes_max", local.entry_bytes_max);
  lines.Add("local.time_to_live_max", local.time_to_live_max);
  lines.Add("local.policy", PolicyName(local.policy));
  lines.Add("local.idle_timeout", local.idle_timeout);
  lines.Add("local.time_to_live_jitter", local.time_to_live_jitter);
  lines.Add("local.stripe_count", local.stripe_count);
  lines.Add("local.removal_listener", local.removal_listener == nullptr ? "none" : "given");
  lines.Add("local.removal_queue_entries_max", local.removal_queue_entries_max);
  lines.Add("local.removal_queue_bytes_max", local.removal_queue_bytes_max);
  lines.Add("coherence.staleness_bound", coherence.staleness_bound);
  lines.Add("coherence.link_down_policy", PolicyName(coherence.link_down_policy));
  lines.Add("coherence.foreign_writers", coherence.foreign_writers ? "true" : "false");
  lines.Add("coherence.replay_window", coherence.replay_window);
  lines.Add("coherence.replay_entries_max", coherence.replay_entries_max);
  lines.Add("coherence.replay_bytes_max", coherence.replay_bytes_max);
  lines.Add("coherence.on_event", coherence.on_event == nullptr ? "none" : "given");
  lines.Add("audit.hit_share", audit.hit_share);
  lines.Add("audit.reads_per_second_max", audit.reads_per_second_max);
  lines.Add("audit.bytes_per_second_max", audit.bytes_per_second_max);
  lines.Add("audit.checks_max", audit.checks_max);
  lines.Add("codec.compression_threshold_bytes", codec.compression_threshold_bytes);
  lines.Add("codec.compression_level", codec.compression_level);
  lines.Add("limits.key_bytes_max", limits.key_bytes_max);
  lines.Add("limits.value_bytes_max", limits.value_bytes_max);
  lines.Add("limits.calls_max", limits.calls_max);
  lines.AddQuoted("key_prefix", key_prefix);
  lines.Add("key_version", key_version);
  lines.Add("default_time_to_live", default_time_to_live);
  lines.Add("executor", executor == nullptr ? "own" : "given");
  lines.Add("callback_threads", callback_threads);
  return lines.Take();
}

}  // namespace nearcache
