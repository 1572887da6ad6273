#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/options.h"

namespace nearcache {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Options Read(absl::string_view url) {
  const absl::StatusOr<Options> options = Options::FromUrl(url);
  EXPECT_TRUE(options.ok()) << url << ": " << options.status();
  return options.value_or(Options());
}

std::string ErrorOf(absl::string_view url) {
  const absl::StatusOr<Options> options = Options::FromUrl(url);
  EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument) << url;
  return std::string(options.status().message());
}

TEST(OptionsFromUrlTest, ReadsServerUserAndDatabase) {
  const Options options = Read("redis://alice:p%40ss@cache.example.org:7000/2");
  EXPECT_EQ(options.remote.host, "cache.example.org");
  EXPECT_EQ(options.remote.port, 7000);
  EXPECT_EQ(options.remote.user, "alice");
  EXPECT_EQ(options.remote.password, "p@ss");
  EXPECT_EQ(options.remote.database, 2);
  EXPECT_FALSE(options.remote.tls);
  EXPECT_TRUE(options.has_remote());
  EXPECT_TRUE(options.Validate().ok());
}

TEST(OptionsFromUrlTest, MissingPartsKeepTheirDefaults) {
  Options expected;
  expected.remote.host = "localhost";
  EXPECT_EQ(Read("redis://localhost").ToString(), expected.ToString());
  EXPECT_EQ(Read("redis://localhost/").ToString(), expected.ToString());
  EXPECT_EQ(Read("REDIS://localhost:6379/0?").ToString(), expected.ToString());
}

TEST(OptionsFromUrlTest, ReadsPasswordsWithoutUser) {
  EXPECT_EQ(Read("redis://:s3cret@h").remote.password, "s3cret");
  EXPECT_EQ(Read("redis://:s3cret@h").remote.user, "");
  EXPECT_EQ(Read("redis://alice@h").remote.user, "alice");
}

TEST(OptionsFromUrlTest, ReadsIpv6) {
  EXPECT_EQ(Read("redis://[::1]:6380/1").remote.host, "::1");
  EXPECT_EQ(Read("redis://[::1]:6380/1").remote.port, 6380);
}

TEST(OptionsFromUrlTest, ReadsUnixSockets) {
  const Options options = Read("unix://alice:pw@/run/my%20redis.sock?database=3");
  EXPECT_EQ(options.remote.unix_socket, "/run/my redis.sock");
  EXPECT_EQ(options.remote.user, "alice");
  EXPECT_EQ(options.remote.password, "pw");
  EXPECT_EQ(options.remote.database, 3);
  EXPECT_THAT(options.remote.host, testing::IsEmpty());
  EXPECT_EQ(Read("unix:///r.sock").remote.unix_socket, "/r.sock");
  EXPECT_THAT(ErrorOf("unix://r.sock"), HasSubstr("unix:///run/redis.sock"));
  EXPECT_THAT(ErrorOf("unix://"), HasSubstr("absolute path"));
  EXPECT_THAT(ErrorOf("unix:///"), HasSubstr("absolute path"));
  EXPECT_THAT(ErrorOf("unix://host:1/r.sock"), HasSubstr("absolute path"));
}

TEST(OptionsFromUrlTest, TlsIsReadAndRefusedByValidate) {
  const Options options = Read("rediss://h");
  EXPECT_TRUE(options.remote.tls);
  EXPECT_EQ(options.Validate().code(), absl::StatusCode::kUnimplemented);
}

TEST(OptionsFromUrlTest, ReadsEveryParameter) {
  const Options options = Read(
      "redis://h?database=4&client_name=app-1&connect_timeout=3s&command_timeout=250ms&health_timeout=1.5s"
      "&staleness_bound=300ms&key_prefix=shop%3Aeu&key_version=7&default_time_to_live=1h&local_capacity=128MiB&resp=2"
      "&local_policy=lru&local_idle_timeout=10m&breaker=off&breaker_window=20s&breaker_calls_min=50"
      "&breaker_bad_share=0.25&breaker_slow_call=80ms&breaker_open_time=9s&foreign_writers=on&replay_window=45s&link_"
      "down_policy=fail&reconnects_per_second_max=3&retry_share=0.5&retries_max=20&reply_bytes_max=32MiB");
  EXPECT_EQ(options.remote.reconnects_per_second_max, 3);
  EXPECT_EQ(options.remote.retry_share, 0.5);
  EXPECT_EQ(options.remote.retries_max, 20);
  EXPECT_EQ(options.remote.reply_bytes_max, size_t{32} << 20);
  EXPECT_FALSE(options.remote.breaker.enabled);
  EXPECT_EQ(options.remote.breaker.window, absl::Seconds(20));
  EXPECT_EQ(options.remote.breaker.calls_min, 50);
  EXPECT_EQ(options.remote.breaker.bad_share, 0.25);
  EXPECT_EQ(options.remote.breaker.slow_call, absl::Milliseconds(80));
  EXPECT_EQ(options.remote.breaker.open_time, absl::Seconds(9));
  EXPECT_EQ(options.remote.breaker.open_time_max, absl::Seconds(9)) << "follows";
  EXPECT_EQ(options.remote.database, 4);
  EXPECT_EQ(options.remote.client_name, "app-1");
  EXPECT_EQ(options.remote.connect_timeout, absl::Seconds(3));
  EXPECT_EQ(options.remote.command_timeout, absl::Milliseconds(250));
  EXPECT_EQ(options.remote.health_timeout, absl::Milliseconds(1500));
  EXPECT_EQ(options.coherence.staleness_bound, absl::Milliseconds(300));
  EXPECT_TRUE(options.coherence.foreign_writers);
  EXPECT_EQ(options.coherence.link_down_policy, LinkDownPolicy::kFail);
  EXPECT_EQ(options.coherence.replay_window, absl::Seconds(45));
  EXPECT_EQ(options.key_prefix, "shop:eu");
  EXPECT_EQ(options.key_version, 7);
  EXPECT_EQ(options.default_time_to_live, absl::Hours(1));
  EXPECT_EQ(options.local.capacity_bytes, size_t{128} << 20);
  EXPECT_EQ(options.remote.resp_version, 2);
  EXPECT_EQ(options.local.policy, LocalPolicy::kLru);
  EXPECT_EQ(options.local.idle_timeout, absl::Minutes(10));
  EXPECT_TRUE(options.Validate().ok()) << options.Validate();
}

TEST(OptionsFromUrlTest, UnknownParameterIsNamedAndTheKnownOnesAreListed) {
  const std::string error = ErrorOf("redis://h?comand_timeout=1s");
  EXPECT_THAT(error, HasSubstr("\"comand_timeout\""));
  for (const absl::string_view name : {"breaker",
                                       "breaker_bad_share",
                                       "breaker_calls_min",
                                       "breaker_open_time",
                                       "breaker_slow_call",
                                       "breaker_window",
                                       "client_name",
                                       "command_timeout",
                                       "connect_timeout",
                                       "database",
                                       "default_time_to_live",
                                       "foreign_writers",
                                       "health_timeout",
                                       "key_prefix",
                                       "key_version",
                                       "link_down_policy",
                                       "local_capacity",
                                       "local_idle_timeout",
                                       "local_policy",
                                       "replay_window",
                                       "resp",
                                       "staleness_bound",
                                       "reconnects_per_second_max",
                                       "reply_bytes_max",
                                       "retries_max",
                                       "retry_share"}) {
    EXPECT_THAT(error, HasSubstr(name));
  }
  EXPECT_THAT(ErrorOf("redis://h?Database=1"), HasSubstr("\"Database\"")) << "names are case-sensitive";
  EXPECT_THAT(ErrorOf("redis://h?password=SECRET"), AllOf(HasSubstr("\"password\""), Not(HasSubstr("SECRET"))));
}

TEST(OptionsFromUrlTest, BadValueIsNamedWithItsLimit) {
  EXPECT_THAT(ErrorOf("redis://h/x"), AllOf(HasSubstr("database"), HasSubstr("\"x\""), HasSubstr("from 0 to")));
  EXPECT_THAT(ErrorOf("redis://h/-1"), AllOf(HasSubstr("database"), HasSubstr("\"-1\"")));
  EXPECT_THAT(ErrorOf("redis://h/2147483648"), AllOf(HasSubstr("database"), HasSubstr("\"2147483648\"")));
  EXPECT_THAT(ErrorOf("redis://h/0/1"), AllOf(HasSubstr("database"), HasSubstr("\"0/1\"")));
  EXPECT_THAT(ErrorOf("redis://h:99999"), AllOf(HasSubstr("port"), HasSubstr("\"99999\""), HasSubstr("65535")));
  EXPECT_THAT(ErrorOf("redis://h?database=ten"), AllOf(HasSubstr("parameter database"), HasSubstr("\"ten\"")));
  EXPECT_THAT(ErrorOf("redis://h?command_timeout=250"),
              AllOf(HasSubstr("parameter command_timeout"), HasSubstr("\"250\""), HasSubstr("250ms")));
  EXPECT_THAT(ErrorOf("redis://h?staleness_bound=-1s"), AllOf(HasSubstr("staleness_bound"), HasSubstr("not negative")));
  EXPECT_THAT(ErrorOf("redis://h?connect_timeout="), HasSubstr("connect_timeout"));
  EXPECT_THAT(ErrorOf("redis://h?foreign_writers=1"), AllOf(HasSubstr("foreign_writers"), HasSubstr("on or off")));
  EXPECT_THAT(ErrorOf("redis://h?link_down_policy=die"),
              AllOf(HasSubstr("link_down_policy"), HasSubstr("go_remote or fail")));
  EXPECT_EQ(Read("redis://h?link_down_policy=go_remote").coherence.link_down_policy, LinkDownPolicy::kGoRemote);
  EXPECT_THAT(ErrorOf("redis://h?local_capacity=64MB"), AllOf(HasSubstr("local_capacity"), HasSubstr("MiB")));
  EXPECT_THAT(ErrorOf("redis://h?key_version=2147483648"), AllOf(HasSubstr("key_version"), HasSubstr("2147483647")));
  EXPECT_THAT(ErrorOf("redis://h?key_prefix=a%20b"), AllOf(HasSubstr("key_prefix"), HasSubstr("space")));
  EXPECT_THAT(ErrorOf("redis://h?breaker=maybe"), AllOf(HasSubstr("breaker"), HasSubstr("on or off")));
  EXPECT_THAT(ErrorOf("redis://h?breaker_bad_share=half"),
              AllOf(HasSubstr("breaker_bad_share"), HasSubstr("\"half\"")));
  EXPECT_THAT(ErrorOf("redis://h?resp=4"), AllOf(HasSubstr("resp"), HasSubstr("from 2 to 3")));
}

TEST(OptionsFromUrlTest, ConflictingValuesAreRefused) {
  EXPECT_THAT(ErrorOf("redis://h/1?database=1"), HasSubstr("database is given twice"));
  EXPECT_THAT(ErrorOf("redis://h?resp=2&resp=3"), HasSubstr("\"resp\" is given twice"));
  const Options options = Read("redis://h?command_timeout=2s&health_timeout=1s");
  EXPECT_THAT(options.Validate().message(), AllOf(HasSubstr("health_timeout"), HasSubstr("command_timeout (2s)")));
}

TEST(OptionsFromUrlTest, BadSchemesAndHostsAreNamed) {
  EXPECT_THAT(ErrorOf("http://h"), AllOf(HasSubstr("scheme"), HasSubstr("\"http\""), HasSubstr("rediss")));
  EXPECT_THAT(ErrorOf(""), HasSubstr("scheme"));
  EXPECT_THAT(ErrorOf("localhost"), HasSubstr("scheme"));
  EXPECT_THAT(ErrorOf("redis://"), HasSubstr("host is missing"));
  EXPECT_THAT(ErrorOf("redis://:pw@:6379/1"), HasSubstr("host is missing"));
  EXPECT_THAT(ErrorOf("redis:///1"), HasSubstr("host is missing"));
}

TEST(OptionsFromUrlTest, WhatAUrlCannotSayFollowsWhatItSays) {
  const Options slow = Read("redis://h?command_timeout=5s");
  EXPECT_EQ(slow.remote.health_timeout, absl::Seconds(5));
  EXPECT_TRUE(slow.Validate().ok());
  const Options small = Read("redis://h?local_capacity=2MiB");
  EXPECT_EQ(small.local.entry_bytes_max, size_t{128} << 10);
  EXPECT_TRUE(small.Validate().ok());
  EXPECT_EQ(Read("redis://h?local_capacity=1GiB").local.entry_bytes_max, Options().local.entry_bytes_max);
  EXPECT_TRUE(Read("redis://h?local_capacity=0").Validate().ok());
}

TEST(OptionsFromUrlTest, NoErrorQuotesThePassword) {
  for (const absl::string_view url : {"redis://u:SECRET@h:x", "redis://u:SECRET@h/x", "redis://u:SECRET@h?x=1",
                                      "http://u:SECRET@h", "redis://u:SECRET@", "unix://u:SECRET@host",
                                      "redis://u:SECRET@h?key_prefix=a%20b", "redis://u:SECRET@h?resp=9&resp=9"}) {
    EXPECT_THAT(ErrorOf(url), Not(HasSubstr("SECRET"))) << url;
  }
}

TEST(OptionsFromUrlTest, RandomUrlsNeverCrash) {
  std::mt19937_64 random(20240722);
  const std::vector<std::string> pieces = {"redis",
                                           "rediss",
                                           "unix",
                                           "://",
                                           "/",
                                           "@",
                                           ":",
                                           "?",
                                           "&",
                                           "=",
                                           "%",
                                           "[::1]",
                                           "]",
                                           "#",
                                           "host",
                                           "6379",
                                           "0",
                                           "-1",
                                           "999999999999",
                                           "database",
                                           "command_timeout",
                                           "local_capacity",
                                           "staleness_bound",
                                           "resp",
                                           "key_prefix",
                                           "250ms",
                                           "64MiB",
                                           "inf",
                                           "1e9s",
                                           "\xff",
                                           " ",
                                           "%41"};
  int good = 0;
  for (int i = 0; i < 100000; ++i) {
    std::string url = i % 2 == 0 ? "redis://host?" : "";
    for (size_t count = random() % 12; count > 0; --count) url += pieces[random() % pieces.size()];
    const absl::StatusOr<Options> options = Options::FromUrl(url);
    if (!options.ok()) {
      EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument) << url;
      continue;
    }
    ++good;
    (void)options->Validate();
    EXPECT_FALSE(options->ToString().empty());
  }
  EXPECT_GT(good, 1000) << "the random texts are too wild to reach the inner parts";
}

// Sets variables for the life of a test.
class OptionsFromEnvironmentTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* const name : {"REDIS_URL", "REDIS_PASSWORD", "CACHE_TIMEOUT", "PROJECT_NAME"}) unsetenv(name);
  }
  void TearDown() override { SetUp(); }

  static void Set(const char* name, const char* value) { ASSERT_EQ(setenv(name, value, 1), 0); }

  static Options Get() {
    const absl::StatusOr<Options> options = Options::FromEnvironment();
    EXPECT_TRUE(options.ok()) << options.status();
    return options.value_or(Options());
  }

  static std::string ErrorText() {
    const absl::StatusOr<Options> options = Options::FromEnvironment();
    EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(options.status().message());
  }
};

TEST_F(OptionsFromEnvironmentTest, NothingSetMeansLocalOnly) {
  EXPECT_EQ(Get().ToString(), Options().ToString());
  for (const char* const name : {"REDIS_URL", "REDIS_PASSWORD", "CACHE_TIMEOUT", "PROJECT_NAME"}) Set(name, "");
  EXPECT_EQ(Get().ToString(), Options().ToString()) << "empty is the same as unset";
}

TEST_F(OptionsFromEnvironmentTest, ReadsAllFour) {
  Set("REDIS_URL", "redis://cache:7000/1");
  Set("REDIS_PASSWORD", "p@ss/word");
  Set("CACHE_TIMEOUT", "90");
  Set("PROJECT_NAME", "shop");
  const Options options = Get();
  EXPECT_EQ(options.remote.host, "cache");
  EXPECT_EQ(options.remote.password, "p@ss/word") << "taken as it is, not percent-decoded";
  EXPECT_EQ(options.default_time_to_live, absl::Seconds(90));
  EXPECT_EQ(options.key_prefix, "shop");
  EXPECT_TRUE(options.Validate().ok());
}

TEST_F(OptionsFromEnvironmentTest, TheUrlWins) {
  Set("REDIS_URL", "redis://:from-url@cache?key_prefix=from-url");
  Set("REDIS_PASSWORD", "from-variable");
  Set("PROJECT_NAME", "from-variable");
  EXPECT_EQ(Get().remote.password, "from-url");
  EXPECT_EQ(Get().key_prefix, "from-url");
}

TEST_F(OptionsFromEnvironmentTest, ErrorsNameTheVariable) {
  Set("REDIS_URL", "redis://:SECRET@cache?x=1");
  EXPECT_THAT(ErrorText(), AllOf(testing::StartsWith("REDIS_URL: "), HasSubstr("\"x\""), Not(HasSubstr("SECRET"))));
  unsetenv("REDIS_URL");
  for (const char* const bad : {"0", "-5", "5m", "1.5", "99999999999"}) {
    Set("CACHE_TIMEOUT", bad);
    EXPECT_THAT(ErrorText(), AllOf(testing::StartsWith("CACHE_TIMEOUT: "), HasSubstr(absl::StrCat("\"", bad, "\"")),
                                   HasSubstr("from 1 to 2147483647")));
  }
  unsetenv("CACHE_TIMEOUT");
  Set("PROJECT_NAME", "my shop");
  EXPECT_THAT(ErrorText(), AllOf(testing::StartsWith("PROJECT_NAME: "), HasSubstr("my shop")));
}

}  // namespace
}  // namespace nearcache
