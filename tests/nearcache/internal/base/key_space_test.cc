#include "nearcache/internal/base/key_space.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nearcache::internal {
namespace {

using testing::HasSubstr;

TEST(KeySpaceTest, NamesFollowTheLayout) {
  const KeySpace names("shop", 7, 3);
  EXPECT_EQ(names.DataKey("cart:1"), "shop:7:cart:1");
  EXPECT_EQ(names.lane_key(), "shop:nearcache:lane");
  EXPECT_EQ(names.epoch_key(), "shop:nearcache:epoch");
  EXPECT_EQ(names.missing_key(), "shop:nearcache:missing");
  EXPECT_EQ(names.channel(), "shop:nearcache:3:invalidate");
}

TEST(KeySpaceTest, KeysAreTakenAsTheyAre) {
  const KeySpace names("shop", 1, 0);
  for (const std::string& key : {std::string("a"), std::string("a\0b\n", 4), std::string(":::"), std::string("\xff{x}"),
                                 std::string(65536, 'k')}) {
    EXPECT_EQ(names.UserKey(names.DataKey(key)), key);
  }
  EXPECT_EQ(names.UserKey("shop:2:a"), absl::nullopt);
  EXPECT_EQ(names.UserKey("shop:1"), absl::nullopt);
  EXPECT_EQ(names.UserKey("other:1:a"), absl::nullopt);
  EXPECT_EQ(names.UserKey(names.lane_key()), absl::nullopt);
}

TEST(KeySpaceTest, EmptyPrefixIsAllowed) {
  EXPECT_TRUE(CheckKeyPrefix("key_prefix", "").ok());
  EXPECT_EQ(KeySpace("", 1, 0).DataKey("a"), ":1:a");
}

TEST(KeySpaceTest, PrefixesThatCouldBeMistakenAreRefused) {
  for (const absl::string_view prefix : {"a:1", "a:1:b", ":1", "a::22", "a:nearcache", "a:nearcache:x", "a:b:007"}) {
    const absl::Status status = CheckKeyPrefix("key_prefix", prefix);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << prefix;
    EXPECT_THAT(status.message(), HasSubstr("key_prefix"));
    EXPECT_THAT(status.message(), HasSubstr(prefix));
  }
  for (const absl::string_view prefix :
       {"a", "1", "nearcache", "a:b", "a:", ":a", "a:1b", "a:v1:b", "a:nearcache2", "é"}) {
    EXPECT_TRUE(CheckKeyPrefix("key_prefix", prefix).ok()) << prefix;
  }
}

TEST(KeySpaceTest, OtherBadPrefixesAreRefusedToo) {
  EXPECT_TRUE(CheckKeyPrefix("key_prefix", std::string(128, 'p')).ok());
  EXPECT_THAT(CheckKeyPrefix("key_prefix", std::string(129, 'p')).message(), HasSubstr("129 bytes, more than 128"));
  for (const std::string& prefix : {std::string("a b"), std::string("a\n"), std::string("a\0b", 3), std::string("{a"),
                                    std::string("a}"), std::string("\x7f")}) {
    EXPECT_FALSE(CheckKeyPrefix("key_prefix", prefix).ok()) << prefix;
  }
}

// All names of a namespace with keys that try to look like something else.
std::vector<std::string> NamesOf(const std::string& prefix) {
  std::vector<std::string> names;
  for (const int64_t version : {1, 2}) {
    const KeySpace space(prefix, version, 0);
    for (const absl::string_view key : {"", "x", "1:x", "nearcache:lane", "b:1:x", "b:nearcache:lane",
                                        "1:nearcache:lane", ":1:x", "nearcache:epoch"}) {
      names.push_back(space.DataKey(key));
    }
    if (version == 1) names.insert(names.end(), {space.lane_key(), space.epoch_key(), space.missing_key()});
  }
  return names;
}

TEST(KeySpaceTest, NamesOfAcceptedPrefixesNeverCollide) {
  const std::vector<std::string> parts = {"", "a", "b", "1", "2", "nearcache", "lane"};
  std::vector<std::string> prefixes = parts;
  for (const std::string& first : parts) {
    for (const std::string& second : parts) {
      prefixes.push_back(absl::StrCat(first, ":", second));
      for (const std::string& third : parts) prefixes.push_back(absl::StrCat(first, ":", second, ":", third));
    }
  }
  std::vector<std::pair<std::string, std::string>> all;
  for (const std::string& prefix : prefixes) {
    if (!CheckKeyPrefix("key_prefix", prefix).ok()) continue;
    for (std::string& name : NamesOf(prefix)) all.emplace_back(std::move(name), prefix);
  }
  std::sort(all.begin(), all.end());
  for (size_t i = 1; i < all.size(); ++i) {
    EXPECT_NE(all[i - 1].first, all[i].first) << "of " << all[i - 1].second << " and of " << all[i].second;
  }
}

}  // namespace
}  // namespace nearcache::internal
