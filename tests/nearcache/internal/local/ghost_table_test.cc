#include "nearcache/internal/local/ghost_table.h"

#include <utility>

#include "absl/types/optional.h"
#include "gtest/gtest.h"

namespace nearcache::internal::local {
namespace {

using Kind = GhostTable::Kind;

constexpr uint64_t kWindow = 1'000'000;

uint32_t HashOf(int key) { return static_cast<uint32_t>(static_cast<uint64_t>(key + 1) * 0x9e3779b97f4a7c15 >> 32); }

class GhostTableTest : public testing::Test {
 protected:
  void Make(size_t entries) {
    GhostTable::Memory memory = GhostTable::Memory::Allocate(GhostTable::SetsFor(entries));
    table_.Adopt(&memory);
  }
  void Add(int key, Kind kind = Kind::kFromSmall, size_t bytes = 1000) {
    table_.Add(HashOf(key), kind, bytes, kWindow);
  }

  GhostTable table_;
};

TEST_F(GhostTableTest, WithoutMemoryItRemembersNothing) {
  Add(1);
  EXPECT_EQ(table_.Take(HashOf(1)), absl::nullopt);
}

TEST_F(GhostTableTest, TakesFiveBytesPerEntry) {
  EXPECT_LE(GhostTable::SetsFor(10'000) * sizeof(GhostTable::Set), 51'000u);
}

TEST_F(GhostTableTest, TellsHowAnEntryLeftAndForgetsItWithThat) {
  Make(1000);
  Add(1, Kind::kFromMain);
  const absl::optional<GhostTable::Ghost> ghost = table_.Take(HashOf(1));
  ASSERT_TRUE(ghost.has_value());
  EXPECT_EQ(ghost->kind, Kind::kFromMain);
  EXPECT_EQ(table_.Take(HashOf(1)), absl::nullopt);
  EXPECT_EQ(table_.Take(HashOf(2)), absl::nullopt);
}

TEST_F(GhostTableTest, AgeIsCountedInBytesOfTheSameQueue) {
  Make(1000);
  Add(1, Kind::kFromSmall);
  Add(2, Kind::kFromMain);
  for (int i = 100; i < 200; ++i) Add(i, Kind::kFromSmall, 2000);
  EXPECT_NEAR(static_cast<double>(table_.Take(HashOf(1))->age), 200'000, 1000);
  EXPECT_LE(table_.Take(HashOf(2))->age, 1000u);
}

TEST_F(GhostTableTest, RemembersAsManyAsTheWindowHolds) {
  Make(1000);
  for (int i = 0; i < 10'000; ++i) Add(i);
  int remembered = 0;
  for (int i = 9000; i < 10'000; ++i) remembered += table_.Take(HashOf(i)).has_value() ? 1 : 0;
  EXPECT_GT(remembered, 930);
}

TEST_F(GhostTableTest, ConfusesFewKeys) {
  Make(10'000);
  for (int i = 0; i < 10'000; ++i) Add(i, Kind::kFromSmall, 100);
  int confused = 0;
  for (int i = 0; i < 100'000; ++i) confused += table_.Take(HashOf(1'000'000 + i)).has_value() ? 1 : 0;
  EXPECT_LT(confused, 60);
}

TEST_F(GhostTableTest, AnotherWindowVoidsTheTimesOfAll) {
  Make(1000);
  Add(1);
  table_.Add(HashOf(2), Kind::kFromSmall, 1000, kWindow * 100);
  EXPECT_EQ(table_.Take(HashOf(1)), absl::nullopt);
  EXPECT_TRUE(table_.Take(HashOf(2)).has_value());
}

TEST_F(GhostTableTest, GivesItsMemoryBack) {
  Make(1000);
  GhostTable::Memory nothing;
  table_.Adopt(&nothing);
  EXPECT_GT(nothing.AllocatedSize(), 0u);
  EXPECT_EQ(table_.set_count(), 0u);
}

}  // namespace
}  // namespace nearcache::internal::local
