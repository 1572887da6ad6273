#include "nearcache/internal/base/url.h"

#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nearcache::internal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

Url Parsed(absl::string_view text) {
  const absl::StatusOr<Url> url = ParseUrl(text);
  EXPECT_TRUE(url.ok()) << text << ": " << url.status();
  return url.value_or(Url());
}

std::string ErrorOf(absl::string_view text) {
  const absl::StatusOr<Url> url = ParseUrl(text);
  EXPECT_EQ(url.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(url.status().message());
}

TEST(UrlTest, ReadsEveryPart) {
  const Url url = Parsed("Redis://alice:s3cret@cache.example.org:7000/2?name=a&empty=&flag");
  EXPECT_EQ(url.scheme, "redis");
  EXPECT_EQ(url.user, "alice");
  EXPECT_EQ(url.password, "s3cret");
  EXPECT_EQ(url.host, "cache.example.org");
  EXPECT_EQ(url.port, 7000);
  EXPECT_EQ(url.path, "/2");
  EXPECT_THAT(url.parameters, ElementsAre(Pair("name", "a"), Pair("empty", ""), Pair("flag", "")));
}

TEST(UrlTest, PartsMayBeMissing) {
  const Url url = Parsed("redis://host");
  EXPECT_EQ(url.host, "host");
  EXPECT_THAT(url.user, IsEmpty());
  EXPECT_THAT(url.password, IsEmpty());
  EXPECT_EQ(url.port, absl::nullopt);
  EXPECT_THAT(url.path, IsEmpty());
  EXPECT_THAT(url.parameters, IsEmpty());
  EXPECT_THAT(Parsed("redis://host?").parameters, IsEmpty());
  EXPECT_EQ(Parsed("unix:///run/r.sock").path, "/run/r.sock");
  EXPECT_EQ(Parsed("redis://:pw@host").password, "pw");
  EXPECT_EQ(Parsed("redis://u@host").user, "u");
  EXPECT_EQ(Parsed("redis://u:@host").user, "u");
  EXPECT_EQ(Parsed("redis://u:a:b@host").password, "a:b");
  EXPECT_EQ(Parsed("redis://@host").host, "host");
}

TEST(UrlTest, DecodesPercents) {
  const Url url = Parsed("redis://a%40b:p%3a%2F%3F%23%25@host/%31?k%65y=%26%3D+%00");
  EXPECT_EQ(url.user, "a@b");
  EXPECT_EQ(url.password, "p:/?#%");
  EXPECT_EQ(url.path, "/1");
  EXPECT_THAT(url.parameters, ElementsAre(Pair("key", std::string("&=+\0", 4))));
}

TEST(UrlTest, ReadsIpv6InBrackets) {
  EXPECT_EQ(Parsed("redis://[::1]").host, "::1");
  EXPECT_EQ(Parsed("redis://u:p@[2001:db8::7]:6380/1").host, "2001:db8::7");
  EXPECT_EQ(Parsed("redis://u:p@[2001:db8::7]:6380/1").port, 6380);
  EXPECT_EQ(Parsed("redis://[::ffff:10.0.0.1]:1").host, "::ffff:10.0.0.1");
  EXPECT_EQ(Parsed("redis://[fe80::1%eth0]").host, "fe80::1%eth0");
}

TEST(UrlTest, BadPartsAreNamed) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("scheme"));
  EXPECT_THAT(ErrorOf("localhost:6379"), HasSubstr("scheme"));
  EXPECT_THAT(ErrorOf("://host"), HasSubstr("scheme"));
  EXPECT_THAT(ErrorOf("re dis://host"), HasSubstr("scheme"));
  EXPECT_THAT(ErrorOf("redis:/host"), HasSubstr("scheme"));
  EXPECT_THAT(ErrorOf("redis://host:port"), HasSubstr("port"));
  EXPECT_THAT(ErrorOf("redis://host:"), HasSubstr("port"));
  EXPECT_THAT(ErrorOf("redis://host:0"), HasSubstr("\"0\" is not a whole number from 1 to 65535"));
  EXPECT_THAT(ErrorOf("redis://host:65536"), HasSubstr("\"65536\""));
  EXPECT_THAT(ErrorOf("redis://u:p@host:-1"), HasSubstr("\"-1\""));
  EXPECT_THAT(ErrorOf("redis://[::1"), HasSubstr("]"));
  EXPECT_THAT(ErrorOf("redis://[::1]6379"), HasSubstr("port"));
  EXPECT_THAT(ErrorOf("redis://[localhost]"), HasSubstr("IPv6"));
  EXPECT_THAT(ErrorOf("redis://[]"), HasSubstr("IPv6"));
  EXPECT_THAT(ErrorOf("redis://::1"), HasSubstr("brackets"));
  EXPECT_THAT(ErrorOf("redis://a b"), HasSubstr("host"));
  EXPECT_THAT(ErrorOf("redis://h%41"), HasSubstr("host"));
  EXPECT_THAT(ErrorOf("redis://" + std::string(256, 'h')), HasSubstr("255"));
  EXPECT_THAT(ErrorOf("redis://%zz@host"), HasSubstr("user or password"));
  EXPECT_THAT(ErrorOf("redis://u:%4@host"), HasSubstr("user or password"));
  EXPECT_THAT(ErrorOf("redis://host/%"), HasSubstr("path"));
  EXPECT_THAT(ErrorOf("redis://host?a=%4"), HasSubstr("parameter"));
  EXPECT_THAT(ErrorOf("redis://host?=1"), HasSubstr("no name"));
  EXPECT_THAT(ErrorOf("redis://host?a=1&&b=2"), HasSubstr("no name"));
  EXPECT_THAT(ErrorOf("redis://host?a=1&b=2&%61=3"), HasSubstr("\"a\" is given twice"));
  EXPECT_THAT(ErrorOf("redis://host#frag"), HasSubstr("%23"));
}

TEST(UrlTest, MisplacedPasswordIsRefusedAndNotQuoted) {
  for (const absl::string_view text :
       {"redis://u:SECRET/x@host", "redis://u:x/SECRET@host", "redis://u:SECRET?x@host", "redis://u:1?SECRET@host:1",
        "redis://u:SECRET#x@host", "redis://u:SECRET@x@host", "redis://u:SECRET", "redis://:SECRET",
        "redis://u:SECREThost:1", "redis:/u:SECRET@host", "u:SECRET@host", "SECRET://u@host:x:y",
        "redis://u:SECRET%@host", "redis://host/x?a=1&u:SECRET@b"}) {
    EXPECT_THAT(ErrorOf(text), Not(HasSubstr("SECRET"))) << text;
  }
}

TEST(UrlTest, NoSingleSlipOfAKeyRevealsThePassword) {
  const std::string good = "redis://alice:SECRET@cache.example.org:7000/2?database=4&command_timeout=1s";
  const std::string extra = "@:/?#[]%&= \n";
  for (size_t i = 0; i <= good.size(); ++i) {
    std::vector<std::string> slips;
    for (const char c : extra) slips.push_back(good.substr(0, i) + c + good.substr(i));
    if (i < good.size()) slips.push_back(good.substr(0, i) + good.substr(i + 1));
    for (const std::string& slip : slips) {
      const absl::StatusOr<Url> url = ParseUrl(slip);
      if (url.ok()) continue;
      const std::string message(url.status().message());
      for (const absl::string_view part : {"SECRET", "ECRET", "SECRE"})
        EXPECT_THAT(message, Not(HasSubstr(part))) << slip;
    }
  }
}

TEST(PercentDecodeTest, WantsTwoDigits) {
  EXPECT_EQ(PercentDecode("%00%fF%41"), std::string("\0\xff"
                                                    "A",
                                                    3));
  EXPECT_EQ(PercentDecode("plain+text"), "plain+text");
  for (const absl::string_view text : {"%", "%4", "a%", "%g0", "%0g", "%%41", "% 1"})
    EXPECT_EQ(PercentDecode(text), absl::nullopt);
}

TEST(UrlTest, RandomTextNeverCrashes) {
  std::mt19937_64 random(6379);
  const std::string alphabet = "redisunx:/@?#&=[]%.0159aZ-_ \n\xff";
  const std::vector<std::string> heads = {"", "redis://", "rediss://u:p@", "unix:///", "redis://[", "redis://h:1/0?"};
  int read = 0;
  for (int i = 0; i < 100000; ++i) {
    std::string text = heads[random() % heads.size()];
    for (size_t size = random() % 40; size > 0; --size) text.push_back(alphabet[random() % alphabet.size()]);
    const absl::StatusOr<Url> url = ParseUrl(text);
    if (url.ok()) ++read;
    EXPECT_EQ(url.ok(), url.status().message().empty());
  }
  EXPECT_GT(read, 100) << "the random texts are too wild to reach the inner parts";
}

}  // namespace
}  // namespace nearcache::internal
