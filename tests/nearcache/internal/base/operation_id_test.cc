#include "nearcache/internal/base/operation_id.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "gtest/gtest.h"

namespace nearcache::internal {
namespace {

TEST(OperationIdTest, OnlyTheDefaultIsEmpty) {
  EXPECT_TRUE(OperationId().empty());
  EXPECT_FALSE((OperationId{0, 1}.empty()));
  EXPECT_FALSE((OperationId{1, 0}.empty()));
}

TEST(OperationIdTest, WireFormIsNonceThenCounterLittleEndian) {
  const OperationId id{0x0102030405060708u, 0x1112131415161718u};
  const std::string bytes = id.ToBytes();
  ASSERT_EQ(bytes.size(), OperationId::kWireSize);
  EXPECT_EQ(bytes, std::string("\x08\x07\x06\x05\x04\x03\x02\x01\x18\x17\x16\x15\x14\x13\x12\x11", 16));
  EXPECT_EQ(OperationId::FromBytes(bytes), id);
  EXPECT_EQ(id.ToString(), "01020304050607081112131415161718");
}

TEST(OperationIdTest, BytesOfAnotherLengthAreNoId) {
  EXPECT_FALSE(OperationId::FromBytes("").has_value());
  EXPECT_FALSE(OperationId::FromBytes(std::string(15, 'x')).has_value());
  EXPECT_FALSE(OperationId::FromBytes(std::string(17, 'x')).has_value());
}

TEST(OperationTagTest, EqualIdsHaveEqualTagsAndOthersDiffer) {
  absl::flat_hash_set<OperationTag> all;
  for (uint64_t nonce = 0; nonce < 100; ++nonce) {
    for (uint64_t counter = 0; counter < 100; ++counter) {
      const OperationId id{nonce, counter};
      EXPECT_EQ(OperationTag(id), OperationTag(nonce, counter));
      all.insert(id);
    }
  }
  EXPECT_EQ(all.size(), size_t{10'000});
}

TEST(OperationTagTest, OnlyTheEmptyIdHasTheEmptyTag) {
  EXPECT_TRUE(OperationTag().empty());
  EXPECT_TRUE(OperationTag(OperationId()).empty());
  EXPECT_FALSE(OperationTag(0, 1).empty());
  EXPECT_FALSE(OperationTag(1, 0).empty());
}

TEST(OperationIdSourceTest, CountsFromOneUnderItsNonce) {
  OperationIdSource source(9);
  EXPECT_EQ(source.Next(), (OperationId{9, 1}));
  EXPECT_EQ(source.Next(), (OperationId{9, 2}));
  EXPECT_EQ(source.nonce(), 9u);
}

TEST(OperationIdSourceTest, ThreadsNeverGetTheSameId) {
  constexpr int kThreads = 4;
  constexpr int kIds = 5'000;
  OperationIdSource source(1);
  std::vector<std::vector<OperationId>> drawn(kThreads);
  std::vector<std::thread> threads;
  for (std::vector<OperationId>& ids : drawn) {
    threads.emplace_back([&] {
      for (int i = 0; i < kIds; ++i) ids.push_back(source.Next());
    });
  }
  for (std::thread& thread : threads) thread.join();
  absl::flat_hash_set<OperationId> all;
  for (const std::vector<OperationId>& ids : drawn) all.insert(ids.begin(), ids.end());
  EXPECT_EQ(all.size(), size_t{kThreads} * kIds);
}

TEST(OperationIdSourceTest, RandomNoncesDifferAndAreNotZero) {
  const uint64_t first = OperationIdSource::RandomNonce();
  const uint64_t second = OperationIdSource::RandomNonce();
  EXPECT_NE(first, 0u);
  EXPECT_NE(second, 0u);
  EXPECT_NE(first, second);
}

}  // namespace
}  // namespace nearcache::internal
