#include "nearcache/value.h"

#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/ref_counted.h"

namespace nearcache {
namespace {

int destroyed = 0;

struct CountedBlock : internal::RefCounted {
  CountedBlock()
      : RefCounted(Kind::Of([](RefCounted* self) noexcept {
          ++destroyed;
          delete static_cast<CountedBlock*>(self);
        })) {}
};

void DestroyOne(internal::RefCounted* /*self*/) noexcept {}
void DestroyAnother(internal::RefCounted* self) noexcept { self->~RefCounted(); }

TEST(RefCountedTest, AFunctionHasOneKind) {
  const internal::RefCounted one(internal::RefCounted::Kind::Of(DestroyOne));
  const internal::RefCounted again(internal::RefCounted::Kind::Of(DestroyOne));
  const internal::RefCounted other(internal::RefCounted::Kind::Of(DestroyAnother));
  EXPECT_EQ(one.kind_number, again.kind_number);
  EXPECT_NE(one.kind_number, other.kind_number);
}

TEST(RefCountedTest, TheLastReferenceDestroysOnce) {
  destroyed = 0;
  auto* const block = new CountedBlock;
  block->Ref();
  block->Unref();
  EXPECT_EQ(destroyed, 0);
  block->Unref();
  EXPECT_EQ(destroyed, 1);
}

TEST(ValueTest, DefaultHoldsNoBytes) {
  const Value value;
  EXPECT_TRUE(value.empty());
  EXPECT_EQ(value.size(), 0u);
  EXPECT_EQ(value.view(), "");
}

TEST(ValueTest, CopyIsIndependentOfItsSource) {
  std::string source("a\0b", 3);
  const Value value = Value::Copy(source);
  source.assign("xyz");
  EXPECT_EQ(value.view(), absl::string_view("a\0b", 3));
  EXPECT_EQ(value.ToString().size(), 3u);
}

TEST(ValueTest, CopiesShareOneBlock) {
  Value first = Value::Copy("bytes");
  Value second = first;
  EXPECT_EQ(first.view().data(), second.view().data());
  first = Value();
  EXPECT_EQ(second.view(), "bytes");
  EXPECT_TRUE(first.empty());
}

TEST(ValueTest, MovingLeavesTheSourceEmpty) {
  Value first = Value::Copy("bytes");
  const Value second = std::move(first);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): the moved-from state is part of
                               // the contract.
  EXPECT_EQ(second.view(), "bytes");
}

TEST(ValueTest, AdoptDoesNotCopyLongBytes) {
  std::string bytes(1000, 'x');
  const char* const data = bytes.data();
  const Value value = Value::Adopt(std::move(bytes));
  EXPECT_EQ(value.view().data(), data);
  EXPECT_EQ(value.size(), 1000u);
}

TEST(ValueTest, ASliceKeepsTheWholeBlock) {
  Value slice;
  {
    const Value whole = Value::Copy("header and body");
    slice = whole.Slice(11, 4);
  }
  EXPECT_EQ(slice.view(), "body");
}

TEST(ValueTest, AssigningItselfKeepsTheBytes) {
  Value value = Value::Copy("bytes");
  const Value& same = value;
  value = same;
  EXPECT_EQ(value.view(), "bytes");
}

TEST(ValueTest, ReleasesItsBlockExactlyOnce) {
  destroyed = 0;
  {
    const Value value = Value::FromBlock(new CountedBlock, "static bytes");
    const Value copy = value;
    EXPECT_EQ(destroyed, 0);
  }
  EXPECT_EQ(destroyed, 1);
}

TEST(ValueTest, ComparesBytes) {
  EXPECT_EQ(Value::Copy("a"), Value::Adopt("a"));
  EXPECT_NE(Value::Copy("a"), Value::Copy("b"));
  EXPECT_EQ(Value(), Value::Copy(""));
}

TEST(ValueTest, PrintsItsSizeAndNeverItsBytes) {
  std::ostringstream out;
  out << Value::Copy("secret");
  EXPECT_EQ(out.str(), "Value of 6 bytes");
}

TEST(ValueTest, CopiesMayBeMadeAndDroppedOnManyThreads) {
  const Value value = Value::Copy("shared bytes");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([value] {
      for (int round = 0; round < 20'000; ++round) {
        const Value copy = value;
        ASSERT_EQ(copy.size(), 12u);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(value.view(), "shared bytes");
}

}  // namespace
}  // namespace nearcache
