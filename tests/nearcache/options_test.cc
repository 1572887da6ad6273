#include "nearcache/options.h"

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nearcache {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Options with a remote tier that pass.
Options Good() {
  Options options;
  options.remote.host = "cache.example.org";
  options.key_prefix = "shop";
  return options;
}

struct BadField {
  std::string field;
  std::string given;  // What the error must quote, besides the field.
  std::string limit;  // And the limit.
  std::function<void(Options*)> set;
};

void ExpectRefused(const BadField& bad, Options options) {
  bad.set(&options);
  const absl::Status status = options.Validate();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.field << " = " << bad.given;
  EXPECT_THAT(std::string(status.message()),
              AllOf(testing::StartsWith(bad.field + ":"), HasSubstr(bad.given), HasSubstr(bad.limit)));
}

void ExpectRefusedWithARemoteTierOnly(const BadField& bad) {
  ExpectRefused(bad, Good());
  Options local = Good();
  bad.set(&local);
  local.remote.host.clear();
  local.remote.unix_socket.clear();
  EXPECT_TRUE(local.Validate().ok()) << bad.field;
}

TEST(OptionsValidateTest, DefaultsAreGood) {
  EXPECT_TRUE(Options().Validate().ok()) << Options().Validate();
  EXPECT_TRUE(Good().Validate().ok()) << Good().Validate();
}

TEST(OptionsValidateTest, EveryFieldOfTheServerHasItsLimits) {
  const std::vector<BadField> fields = {
      {"remote.host", "a b", "no spaces", [](Options* o) { o->remote.host = "a b"; }},
      {"remote.host", "256 bytes", "255", [](Options* o) { o->remote.host.assign(256, 'h'); }},
      {"remote.port", "0", "from 1 to 65535", [](Options* o) { o->remote.port = 0; }},
      {"remote.port", "65536", "from 1 to 65535", [](Options* o) { o->remote.port = 65536; }},
      {"remote.unix_socket", "/r.sock", "remote.host is set", [](Options* o) { o->remote.unix_socket = "/r.sock"; }},
      {"remote.database", "-1", "from 0", [](Options* o) { o->remote.database = -1; }},
      {"remote.user", "5000 bytes", "4096", [](Options* o) { o->remote.user.assign(5000, 'u'); }},
      {"remote.password", "5000 bytes", "4096", [](Options* o) { o->remote.password.assign(5000, 'S'); }},
      {"remote.client_name", "my app", "without spaces", [](Options* o) { o->remote.client_name = "my app"; }},
      {"remote.client_name", "129 bytes", "128", [](Options* o) { o->remote.client_name.assign(129, 'n'); }},
      {"remote.connect_timeout", "0", "from 1ms to 1h", [](Options* o) { o->remote.connect_timeout = {}; }},
      {"remote.connect_timeout", "inf", "from 1ms to 1h",
       [](Options* o) { o->remote.connect_timeout = absl::InfiniteDuration(); }},
      {"remote.command_timeout", "-1s", "from 1ms to 1h",
       [](Options* o) { o->remote.command_timeout = -absl::Seconds(1); }},
      {"remote.health_timeout", "500ms", "at least remote.command_timeout (1s)",
       [](Options* o) { o->remote.health_timeout = absl::Milliseconds(500); }},
      {"remote.health_timeout", "2h", "from 1ms to 1h", [](Options* o) { o->remote.health_timeout = absl::Hours(2); }},
      {"remote.reconnect_backoff_max", "19ms", "from 20ms",
       [](Options* o) { o->remote.reconnect_backoff_max = absl::Milliseconds(19); }},
      {"remote.breaker.window", "99ms", "from 100ms",
       [](Options* o) { o->remote.breaker.window = absl::Milliseconds(99); }},
      {"remote.breaker.calls_min", "0", "from 1", [](Options* o) { o->remote.breaker.calls_min = 0; }},
      {"remote.breaker.bad_share", "0", "above 0, to 1", [](Options* o) { o->remote.breaker.bad_share = 0; }},
      {"remote.breaker.bad_share", "nan", "above 0, to 1",
       [](Options* o) { o->remote.breaker.bad_share = std::nan(""); }},
      {"remote.breaker.slow_call", "0", "from 1ms", [](Options* o) { o->remote.breaker.slow_call = {}; }},
      {"remote.breaker.open_time", "0", "from 1ms", [](Options* o) { o->remote.breaker.open_time = {}; }},
      {"remote.breaker.open_time_max", "499ms", "at least remote.breaker.open_time (500ms)",
       [](Options* o) { o->remote.breaker.open_time_max = absl::Milliseconds(499); }},
      {"remote.breaker.probes", "0", "from 1 to 1000", [](Options* o) { o->remote.breaker.probes = 0; }},
      {"remote.resp_version", "4", "2 or 3", [](Options* o) { o->remote.resp_version = 4; }},
      {"coherence.replay_window", "1h1s", "from 0 to 1h",
       [](Options* o) { o->coherence.replay_window = absl::Hours(1) + absl::Seconds(1); }},
      {"coherence.replay_entries_max", "0", "from 1 to", [](Options* o) { o->coherence.replay_entries_max = 0; }},
      {"coherence.replay_bytes_max", "0", "from 1 to", [](Options* o) { o->coherence.replay_bytes_max = 0; }},
      {"coherence.staleness_bound", "49ms", "from 50ms to 1m",
       [](Options* o) { o->coherence.staleness_bound = absl::Milliseconds(49); }},
      {"coherence.staleness_bound", "1m1s", "from 50ms to 1m",
       [](Options* o) { o->coherence.staleness_bound = absl::Seconds(61); }},
      {"coherence.link_down_policy", "7", "LinkDownPolicy",
       [](Options* o) { o->coherence.link_down_policy = static_cast<LinkDownPolicy>(7); }},
      {"audit.hit_share", "1.5", "from 0 to 1", [](Options* o) { o->audit.hit_share = 1.5; }},
      {"audit.hit_share", "nan", "from 0 to 1", [](Options* o) { o->audit.hit_share = std::nan(""); }},
      {"audit.reads_per_second_max", "0", "from 1", [](Options* o) { o->audit.reads_per_second_max = 0; }},
      {"audit.bytes_per_second_max", "0", "from 1", [](Options* o) { o->audit.bytes_per_second_max = 0; }},
      {"audit.checks_max", "0", "from 1 to 1024", [](Options* o) { o->audit.checks_max = 0; }},
      {"codec.compression_level", "0", "from 1 to 19", [](Options* o) { o->codec.compression_level = 0; }},
      {"codec.compression_level", "20", "from 1 to 19", [](Options* o) { o->codec.compression_level = 20; }},
  };
  for (const BadField& bad : fields) ExpectRefusedWithARemoteTierOnly(bad);
}

TEST(OptionsValidateTest, EveryLimitOfTheEngineHasItsLimits) {
  const std::vector<BadField> fields = {
      {"remote.operations_max", "0", "from 1", [](Options* o) { o->remote.operations_max = 0; }},
      {"remote.queued_bytes_max", "1048576", "limits.value_bytes_max (8388608)",
       [](Options* o) { o->remote.queued_bytes_max = 1 << 20; }},
      {"remote.reply_bytes_max", "1048576", "limits.value_bytes_max (8388608)",
       [](Options* o) { o->remote.reply_bytes_max = 1 << 20; }},
      {"remote.reconnects_per_second_max", "0", "from 1 to 1000",
       [](Options* o) { o->remote.reconnects_per_second_max = 0; }},
      {"remote.retry_share", "1.5", "from 0 to 1", [](Options* o) { o->remote.retry_share = 1.5; }},
      {"remote.retry_share", "nan", "from 0 to 1", [](Options* o) { o->remote.retry_share = std::nan(""); }},
      {"remote.retries_max", "-1", "from 0 to 1000000", [](Options* o) { o->remote.retries_max = -1; }},
  };
  for (const BadField& bad : fields) ExpectRefusedWithARemoteTierOnly(bad);
}

TEST(OptionsValidateTest, EveryFieldOfTheProcessHasItsLimits) {
  const std::vector<BadField> fields = {
      {"local.capacity_bytes", "1048575", "0, or at least 1048576",
       [](Options* o) { o->local.capacity_bytes = (1 << 20) - 1; }},
      {"local.entry_bytes_max", "0", "from 1", [](Options* o) { o->local.entry_bytes_max = 0; }},
      {"local.entry_bytes_max", "4194305", "to 4194304, a sixteenth of local.capacity_bytes",
       [](Options* o) { o->local.entry_bytes_max = (4 << 20) + 1; }},
      {"local.time_to_live_max", "0", "more than 0", [](Options* o) { o->local.time_to_live_max = {}; }},
      {"local.policy", "7", "LocalPolicy", [](Options* o) { o->local.policy = static_cast<LocalPolicy>(7); }},
      {"local.idle_timeout", "0", "at least 1ms", [](Options* o) { o->local.idle_timeout = {}; }},
      {"local.time_to_live_jitter", "1.5", "from 0 to 1", [](Options* o) { o->local.time_to_live_jitter = 1.5; }},
      {"local.time_to_live_jitter", "nan", "from 0 to 1",
       [](Options* o) { o->local.time_to_live_jitter = std::nan(""); }},
      {"local.stripe_count", "3", "power of two", [](Options* o) { o->local.stripe_count = 3; }},
      {"local.stripe_count", "-2", "power of two", [](Options* o) { o->local.stripe_count = -2; }},
      {"local.stripe_count", "2048", "to 1024", [](Options* o) { o->local.stripe_count = 2048; }},
      {"local.removal_queue_entries_max", "0", "from 1", [](Options* o) { o->local.removal_queue_entries_max = 0; }},
      {"local.removal_queue_bytes_max", "0", "from 1", [](Options* o) { o->local.removal_queue_bytes_max = 0; }},
      {"limits.key_bytes_max", "0", "from 1 to 1048576", [](Options* o) { o->limits.key_bytes_max = 0; }},
      {"limits.value_bytes_max", "0", "from 1 to 536870912", [](Options* o) { o->limits.value_bytes_max = 0; }},
      {"limits.value_bytes_max", "536870913", "536870912",
       [](Options* o) { o->limits.value_bytes_max = (size_t{512} << 20) + 1; }},
      {"limits.calls_max", "0", "from 1", [](Options* o) { o->limits.calls_max = 0; }},
      {"key_prefix", "a b", "space", [](Options* o) { o->key_prefix = "a b"; }},
      {"key_prefix", "a:1", "version", [](Options* o) { o->key_prefix = "a:1"; }},
      {"key_prefix", "129 bytes", "128", [](Options* o) { o->key_prefix.assign(129, 'p'); }},
      {"key_version", "-1", "from 0 to 2147483647", [](Options* o) { o->key_version = -1; }},
      {"key_version", "2147483648", "2147483647", [](Options* o) { o->key_version = int64_t{1} << 31; }},
      {"default_time_to_live", "0", "at least 1ms", [](Options* o) { o->default_time_to_live = {}; }},
      {"default_time_to_live", "-inf", "at least 1ms",
       [](Options* o) { o->default_time_to_live = -absl::InfiniteDuration(); }},
      {"callback_threads", "0", "from 1 to 64", [](Options* o) { o->callback_threads = 0; }},
      {"callback_threads", "65", "from 1 to 64", [](Options* o) { o->callback_threads = 65; }},
  };
  for (const BadField& bad : fields) {
    ExpectRefused(bad, Good());
    Options local = Good();
    local.remote.host.clear();
    ExpectRefused(bad, local);
  }
}

TEST(OptionsValidateTest, UnixSocketMustBeAnAbsolutePathThatFits) {
  Options options = Good();
  options.remote.host.clear();
  options.remote.unix_socket = "/run/redis.sock";
  EXPECT_TRUE(options.Validate().ok());
  options.remote.unix_socket = "redis.sock";
  EXPECT_THAT(options.Validate().message(), AllOf(HasSubstr("remote.unix_socket"), HasSubstr("absolute")));
  options.remote.unix_socket = std::string("/run\0/x", 7);
  EXPECT_THAT(options.Validate().message(), AllOf(HasSubstr("remote.unix_socket"), HasSubstr("zero byte")));
  options.remote.unix_socket = "/" + std::string(107, 's');
  EXPECT_THAT(options.Validate().message(), AllOf(HasSubstr("108 bytes"), HasSubstr("at most 107")));
  options.remote.unix_socket = "/run/redis.sock";
  options.remote.tls = true;
  EXPECT_THAT(options.Validate().message(), AllOf(HasSubstr("remote.tls"), HasSubstr("unix socket")));
}

TEST(OptionsValidateTest, TlsIsNotBuiltInYet) {
  Options options = Good();
  options.remote.tls = true;
  EXPECT_EQ(options.Validate().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(options.Validate().message(), AllOf(HasSubstr("remote.tls"), HasSubstr("no TLS yet")));
  options.remote.port = 0;
  EXPECT_EQ(options.Validate().code(), absl::StatusCode::kInvalidArgument) << "what can be mended is named first";
}

TEST(OptionsValidateTest, ZeroCapacityTurnsTheLocalTierOffWithoutFurtherAsking) {
  Options options = Good();
  options.local.capacity_bytes = 0;
  options.local.entry_bytes_max = 0;
  EXPECT_TRUE(options.Validate().ok());
}

TEST(OptionsValidateTest, InfiniteLivesAreGood) {
  Options options = Good();
  options.default_time_to_live = absl::InfiniteDuration();
  options.local.time_to_live_max = absl::InfiniteDuration();
  EXPECT_TRUE(options.Validate().ok());
}

TEST(OptionsValidateTest, ThreadsDoNotMatterWithAnExecutor) {
  class Inline : public Executor {
    void Schedule(absl::AnyInvocable<void() &&> task) override { std::move(task)(); }
  } executor;
  Options options = Good();
  options.executor = &executor;
  options.callback_threads = 0;
  EXPECT_TRUE(options.Validate().ok());
}

TEST(OptionsValidateTest, PasswordIsInNoError) {
  for (const absl::string_view password : {"SECRET", "S"}) {
    Options options = Good();
    options.remote.user = "alice";
    options.remote.password = absl::StrCat(password, std::string(5000, '#'));
    EXPECT_THAT(options.Validate().message(), AllOf(HasSubstr("remote.password"), Not(HasSubstr("#"))));
  }
}

TEST(OptionsToStringTest, ShowsEveryFieldAndNoSecret) {
  Options options = Good();
  options.remote.user = "alice";
  options.remote.password = "SECRET";
  const std::string text = options.ToString();
  EXPECT_THAT(text, Not(HasSubstr("SECRET")));
  for (const absl::string_view line : {"remote.host=\"cache.example.org\"\n",
                                       "remote.port=6379\n",
                                       "remote.unix_socket=\"\"\n",
                                       "remote.user=\"alice\"\n",
                                       "remote.password=***\n",
                                       "remote.database=0\n",
                                       "remote.tls=false\n",
                                       "remote.client_name=\"nearcache\"\n",
                                       "remote.connect_timeout=2s\n",
                                       "remote.command_timeout=1s\n",
                                       "remote.health_timeout=1s\n",
                                       "remote.reconnect_backoff_max=2s\n",
                                       "remote.reconnects_per_second_max=10\n",
                                       "remote.retry_share=0.1\n",
                                       "remote.retries_max=1000\n",
                                       "remote.reply_bytes_max=67108864\nremote.on_operation=none\n",
                                       "remote.operations_max=65536\n",
                                       "remote.queued_bytes_max=67108864\n",
                                       "remote.breaker.enabled=true\n",
                                       "remote.breaker.window=10s\n",
                                       "remote.breaker.calls_min=20\n",
                                       "remote.breaker.bad_share=0.5\n",
                                       "remote.breaker.slow_call=500ms\n",
                                       "remote.breaker.open_time=500ms\n",
                                       "remote.breaker.open_time_max=5s\n",
                                       "remote.breaker.probes=5\n",
                                       "remote.on_event=none\n",
                                       "remote.resp_version=3\n",
                                       "local.capacity_bytes=67108864\n",
                                       "local.entry_bytes_max=1048576\n",
                                       "local.time_to_live_max=5m\n",
                                       "local.policy=scan_resistant\n",
                                       "local.idle_timeout=inf\n",
                                       "local.time_to_live_jitter=0\n",
                                       "local.stripe_count=0\n",
                                       "local.removal_listener=none\n",
                                       "local.removal_queue_entries_max=8192\n",
                                       "local.removal_queue_bytes_max=16777216\n",
                                       "coherence.staleness_bound=1s\n",
                                       "coherence.link_down_policy=serve_within_bound\n",
                                       "coherence.foreign_writers=false\n",
                                       "coherence.replay_window=30s\n",
                                       "coherence.replay_entries_max=65536\n",
                                       "coherence.replay_bytes_max=8388608\n",
                                       "coherence.on_event=none\n",
                                       "audit.hit_share=0\n",
                                       "audit.reads_per_second_max=100\n",
                                       "audit.bytes_per_second_max=1048576\n",
                                       "audit.checks_max=16\n",
                                       "codec.compression_threshold_bytes=1024\n",
                                       "codec.compression_level=1\n",
                                       "limits.key_bytes_max=1024\n",
                                       "limits.value_bytes_max=8388608\n",
                                       "limits.calls_max=65536\n",
                                       "key_prefix=\"shop\"\n",
                                       "key_version=1\n",
                                       "default_time_to_live=5m\n",
                                       "executor=own\n",
                                       "callback_threads=2\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 60) << "a field is missing in this test";
}

TEST(OptionsToStringTest, SaysWhetherThereIsAPasswordAndNoMore) {
  Options one = Good();
  Options other = Good();
  EXPECT_THAT(one.ToString(), HasSubstr("remote.password=\n"));
  one.remote.password = "a";
  other.remote.password = "a much longer one";
  EXPECT_EQ(one.ToString(), other.ToString());
}

TEST(OptionsToStringTest, NoValueCanPretendToBeALine) {
  Options options = Good();
  options.remote.client_name = "x\nremote.tls=true";
  EXPECT_THAT(options.ToString(), Not(HasSubstr("\nremote.tls=true")));
}

}  // namespace
}  // namespace nearcache
