#include "bench/support/request_stream.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "bench/support/corpus.h"
#include "gtest/gtest.h"

namespace nearcache::bench {
namespace {

TEST(CorpusTest, KeysDifferAndKeepTheirBounds) {
  const Corpus corpus(Shape{8, 128, 16, 32});
  std::set<std::string> keys;
  std::set<size_t> sizes;
  char buffer[Corpus::kKeyBytesLimit];
  for (uint32_t number = 0; number < 20'000; ++number) {
    const absl::string_view key = corpus.Key(number, buffer);
    ASSERT_GE(key.size(), 8u);
    ASSERT_LE(key.size(), 128u);
    ASSERT_EQ(key.size(), corpus.KeySize(number));
    ASSERT_TRUE(keys.insert(std::string(key)).second) << key;
    sizes.insert(key.size());
    ASSERT_GE(corpus.Value(number).size(), 16u);
    ASSERT_LE(corpus.Value(number).size(), 32u);
  }
  EXPECT_EQ(sizes.size(), 121u);
}

TEST(CorpusTest, MeanPayloadIsWhatTheKeysAndValuesHave) {
  const Corpus corpus((Shape()));
  double sum = 0;
  for (uint32_t number = 0; number < 100'000; ++number) {
    sum += static_cast<double>(corpus.KeySize(number) + corpus.ValueSize(number));
  }
  EXPECT_NEAR(sum / 100'000 / corpus.MeanPayload(), 1, 0.005);
}

TEST(NumberOfRankTest, IsAPermutationThatScattersNeighbours) {
  for (const uint32_t count : {1u, 7u, 1000u, 1'000'000u}) {
    std::vector<bool> seen(count);
    for (uint32_t rank = 0; rank < count; ++rank) {
      const uint32_t number = NumberOfRank(rank, count);
      ASSERT_LT(number, count);
      ASSERT_FALSE(seen[number]);
      seen[number] = true;
    }
  }
  EXPECT_GT(NumberOfRank(1, 1'000'000), 1000u);
}

TEST(RequestStreamTest, RequestsHoldTheKeysOfTheirNumbersAndRepeat) {
  const Corpus corpus((Shape()));
  const RequestStream stream(corpus, 1000, 0.99, 5000, 1);
  RequestStream::Cursor cursor(stream);
  std::map<uint32_t, int> counts;
  char buffer[Corpus::kKeyBytesLimit];
  std::vector<uint32_t> numbers;
  int writes = 0;
  for (int i = 0; i < 5000; ++i) {
    const Request& request = cursor.Next();
    ASSERT_LT(request.number, 1000u);
    ASSERT_EQ(request.key(), corpus.Key(request.number, buffer));
    ++counts[request.number];
    numbers.push_back(request.number);
    writes += request.dice < 50;
  }
  for (const uint32_t number : numbers) ASSERT_EQ(cursor.Next().number, number);
  // Five percent, and Zipf's most popular key.
  EXPECT_NEAR(writes, 250, 60);
  EXPECT_NEAR(counts[NumberOfRank(0, 1000)], 5000 / 7.7, 100);
}

TEST(RequestStreamTest, SeedsGiveOtherOrders) {
  const Corpus corpus((Shape()));
  const RequestStream one(corpus, 1000, 0.99, 100, 1);
  const RequestStream other(corpus, 1000, 0.99, 100, 2);
  RequestStream::Cursor first(one);
  RequestStream::Cursor second(other);
  int same = 0;
  for (int i = 0; i < 100; ++i) same += first.Next().number == second.Next().number;
  EXPECT_LT(same, 50);
}

}  // namespace
}  // namespace nearcache::bench
