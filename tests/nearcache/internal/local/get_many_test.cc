// GetMany answers as Gets one after the other would.

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/value.h"
#include "tests/nearcache/internal/local/tier_fixture.h"

namespace nearcache::internal::local {
namespace {

using Answers = std::vector<absl::optional<std::string>>;

class GetManyTest : public TierTest {
 protected:
  Answers Many(const std::vector<HashedKey>& keys) {
    Answers answers(keys.size());
    size_t next = 0;
    tier().GetMany(keys, now(), [&](size_t position, Value value) {
      EXPECT_GE(position, next) << "in order, and none twice";
      next = position + 1;
      answers.at(position) = value.ToString();
    });
    return answers;
  }

  Answers OneByOne(const std::vector<HashedKey>& keys) {
    Answers answers;
    for (const HashedKey& key : keys) {
      Value value;
      EntryInfo info;
      answers.emplace_back();
      if (tier().Get(key, now(), &value, &info)) answers.back() = value.ToString();
    }
    return answers;
  }

  uint64_t hits() { return tier().GetStats().hits; }
};

TEST_F(GetManyTest, NoKeysGiveNoAnswers) { EXPECT_TRUE(Many({}).empty()); }

TEST_F(GetManyTest, AnEmptyTierAnswersNothing) { EXPECT_EQ(Many({Key("a"), Key("b")}), Answers(2)); }

TEST_F(GetManyTest, AnswersAsGetsDoWhateverTheNumber) {
  std::vector<std::string> names;
  for (int i = 0; i < 300; ++i) {
    names.push_back(absl::StrCat(i, std::string(static_cast<size_t>(i) % 70, 'k')));
    if (i % 3 == 0) continue;
    Put(names.back(), absl::StrCat("value of ", i), i % 3 == 1 ? kNever : In(absl::Milliseconds(5)));
  }
  std::mt19937 random(1);
  for (const bool later : {false, true}) {
    if (later) clock_.Advance(absl::Milliseconds(5));
    for (const size_t count : {1, 2, 15, 16, 17, 31, 32, 33, 300}) {
      std::vector<HashedKey> keys;
      for (size_t i = 0; i < count; ++i) keys.push_back(Key(names[random() % names.size()]));
      const uint64_t before = hits();
      const Answers expected = OneByOne(keys);
      const uint64_t between = hits();
      EXPECT_EQ(Many(keys), expected) << count;
      EXPECT_EQ(hits() - between, between - before) << "each counts as a Get does";
    }
  }
}

TEST_F(GetManyTest, OneKeyManyTimesIsAnsweredEachTime) {
  Put("k", "v");
  EXPECT_EQ(Many(std::vector<HashedKey>(40, Key("k"))), Answers(40, "v"));
}

TEST_F(GetManyTest, TellsKeysOfOneHashApart) {
  const uint64_t hash = 0x123456789abcdef;
  const HashedKey first{"first", hash};
  const HashedKey second{"second", hash};
  const HashedKey third{"third", hash};
  tier().Put(first, "1", Id(1), now(), kNever);
  tier().Put(second, "2", Id(2), now(), kNever);
  EXPECT_EQ(Many({second, third, first, second}), (Answers{"2", absl::nullopt, "1", "2"}));
}

TEST_F(GetManyTest, EndsWithItsLeaseAndWithClear) {
  options_.staleness_bound = absl::Milliseconds(1);
  tier().lane(0).Open(In(absl::Seconds(1)));
  Put("k", "v");
  clock_.Advance(absl::Milliseconds(500));
  EXPECT_EQ(Many({Key("k")}), Answers{"v"});
  clock_.Advance(absl::Milliseconds(501));
  EXPECT_EQ(Many({Key("k")}), Answers{absl::nullopt});
  tier().lane(0).Renew(In(absl::Seconds(1)));
  EXPECT_EQ(Many({Key("k")}), Answers{"v"});
  tier().Clear();
  EXPECT_EQ(Many({Key("k")}), Answers{absl::nullopt});
}

// After each insertion some table may be half moved: both of its arrays are looked at.
TEST_F(GetManyTest, FindsAllWhileTablesMove) {
  options_.stripe_count = 1;
  std::vector<std::string> names;
  names.reserve(2'000);
  for (int i = 0; i < 2'000; ++i) {
    names.push_back(absl::StrCat("key-", i));
    Put(names.back(), names.back());
    if (i % 7 != 0) continue;
    std::vector<HashedKey> keys;
    Answers expected;
    for (int back = 0; back <= i && back < 40; ++back) {
      keys.push_back(Key(names[static_cast<size_t>(i - back * i / 40)]));
      expected.emplace_back(std::string(keys.back().key));
    }
    ASSERT_EQ(Many(keys), expected) << i;
  }
}

// What the policy is told: a scan of new keys drives out those that nobody asked for.
TEST_F(GetManyTest, CountsAsAReadForThePolicy) {
  options_.stripe_count = 1;
  options_.capacity_bytes = 1'000'000;
  std::vector<HashedKey> wanted;
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i) names.push_back(absl::StrCat("wanted-", i));
  for (const std::string& name : names) {
    Put(name, std::string(1000, 'v'));
    wanted.push_back(Key(name));
  }
  Many(wanted);
  for (int i = 0; i < 1'500; ++i) Put(absl::StrCat("once-", i), std::string(1000, 'v'));
  EXPECT_EQ(Many(wanted), Answers(20, std::string(1000, 'v')));
}

TEST_F(GetManyTest, WhoGetsAValueMayUseTheTier) {
  Put("a", "1");
  Put("b", "2");
  std::vector<Value> kept;
  tier().GetMany({Key("a"), Key("b")}, now(), [&](size_t, Value value) {
    Put("a", "new");
    tier().Clear();
    Put("c", value.view());
    kept.push_back(std::move(value));
  });
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].view(), "1");
  EXPECT_EQ(kept[1].view(), "2") << "held since before the first was handed out";
  EXPECT_EQ(Hit("c"), "2");
}

}  // namespace
}  // namespace nearcache::internal::local
