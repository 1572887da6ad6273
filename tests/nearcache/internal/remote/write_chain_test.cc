#include "nearcache/internal/remote/write_chain.h"

#include <array>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace nearcache::internal::remote {
namespace {

std::string Gather(const WriteChain& chain, size_t parts_max) {
  std::vector<iovec> parts(parts_max);
  parts.resize(chain.Next(absl::MakeSpan(parts)));
  std::string bytes;
  for (const iovec& part : parts) bytes.append(static_cast<char*>(part.iov_base), part.iov_len);
  return bytes;
}

TEST(WriteChainTest, GathersSmallPiecesInOnePart) {
  WriteChain chain;
  chain.Append("one ");
  chain.Append("two");
  std::array<iovec, 4> parts;
  EXPECT_EQ(chain.Next(absl::MakeSpan(parts)), 1u);
  EXPECT_EQ(Gather(chain, 4), "one two");
}

TEST(WriteChainTest, DoesNotCopyLargePieces) {
  const std::string large(WriteChain::kBorrowedBytesMin, 'x');
  WriteChain chain;
  chain.Append(large);
  std::array<iovec, 4> parts;
  ASSERT_EQ(chain.Next(absl::MakeSpan(parts)), 1u);
  EXPECT_EQ(parts[0].iov_base, large.data());
}

TEST(WriteChainTest, KnowsWhichBytesHaveLeft) {
  WriteChain chain;
  chain.Append("abc");
  const uint64_t second = chain.appended_offset();
  chain.Append("def");
  chain.Consume(3);
  EXPECT_EQ(chain.sent_offset(), second);  // Nothing of the second has left.
  chain.Consume(1);
  EXPECT_GT(chain.sent_offset(), second);
  EXPECT_EQ(Gather(chain, 4), "ef");
  EXPECT_EQ(chain.pending_bytes(), 2u);
}

TEST(WriteChainTest, KeepsTheStreamOverRandomPiecesAndPartialWrites) {
  std::mt19937 random(11);
  std::vector<std::string> pieces;
  std::string expected;
  std::string sent;
  WriteChain chain;
  for (int i = 0; i < 2000; ++i) {
    pieces.emplace_back(random() % (i % 10 == 0 ? 20'000 : 300), static_cast<char>('a' + i % 26));
  }
  for (const std::string& piece : pieces) {
    chain.Append(piece);
    expected += piece;
    if (random() % 3 != 0) continue;
    const std::string next = Gather(chain, 1 + random() % 5);
    const size_t taken = next.empty() ? 0 : random() % next.size() + 1;
    sent += next.substr(0, taken);
    chain.Consume(taken);
  }
  while (chain.pending_bytes() > 0) {
    const std::string next = Gather(chain, 3);
    sent += next;
    chain.Consume(next.size());
  }
  EXPECT_TRUE(sent == expected);
  EXPECT_EQ(chain.sent_offset(), expected.size());
}

TEST(WriteChainTest, TakesOverWhatAnotherBeganToSend) {
  WriteChain chain;
  chain.Append("first");
  chain.Consume(5);
  const std::string large(WriteChain::kBorrowedBytesMin + 10, 'L');
  chain.AppendSent("second", 2);
  EXPECT_EQ(chain.sent_offset(), 7u);
  EXPECT_EQ(Gather(chain, 1), "cond");
  chain.Consume(4);
  chain.AppendSent("third", 5);
  EXPECT_EQ(chain.pending_bytes(), 0u);
  chain.AppendSent(large, 1);
  EXPECT_EQ(Gather(chain, 1), large.substr(1));
  chain.Consume(large.size() - 1);
  EXPECT_EQ(chain.sent_offset(), 16 + large.size());
  EXPECT_EQ(chain.sent_offset(), chain.appended_offset());
}

}  // namespace
}  // namespace nearcache::internal::remote
