// What programs of bench/ print and write: goal lines, tables, JSON.

#include <cmath>
#include <limits>

#include "bench/support/goals.h"
#include "bench/support/json.h"
#include "bench/support/text_table.h"
#include "gtest/gtest.h"

namespace nearcache::bench {
namespace {

TEST(GoalLineTest, SaysValueLimitAndFloor) {
  Verdict verdict;
  verdict.goal = {"L1", "rocksdb-lru", "hit", AtMost(0.4), AtMost(0.65)};
  verdict.value = 0.5;
  verdict.low = 0.45;
  verdict.high = 0.55;
  EXPECT_EQ(GoalLine(verdict),
            "goal=L1 against=rocksdb-lru value=0.5 limit=<=0.4 ok=no floor=<=0.65 above_floor=yes spread=0.45..0.55");
}

TEST(GoalLineTest, WithoutAFloorSaysNothingOfOne) {
  Verdict verdict;
  verdict.goal = {"G1", "pool", "throughput", AtLeast(2.5), {}};
  verdict.value = 3;
  EXPECT_EQ(GoalLine(verdict), "goal=G1 against=pool value=3 limit=>=2.5 ok=yes");
  EXPECT_TRUE(verdict.above_floor());
}

TEST(GoalLineTest, RangesHaveBothEnds) {
  Verdict verdict;
  verdict.goal = {"L14", "rss", "share", Between(0.98, 1.02), Between(0.93, 1.05)};
  verdict.value = 0.97;
  EXPECT_EQ(GoalLine(verdict),
            "goal=L14 against=rss value=0.97 limit=0.98..1.02 ok=no floor=0.93..1.05 above_floor=yes");
  EXPECT_EQ(FormatRange(AtLeast(80)), ">=80");
}

TEST(VerdictTest, LimitsAreInclusiveAndNoNumberMeetsNothing) {
  Verdict verdict;
  verdict.goal = {"L20", "idle", "speed kept", AtLeast(80), AtLeast(45)};
  verdict.value = 80;
  EXPECT_TRUE(verdict.ok());
  verdict.value = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(verdict.ok());
  EXPECT_FALSE(verdict.above_floor());
}

TEST(JsonWriterTest, PutsCommasWhereTheyBelong) {
  JsonWriter json;
  json.BeginObject().Key("a").Number(1.5).Key("b").BeginArray().Integer(1).String("x").BeginObject().EndObject();
  json.BeginArray().EndArray().EndArray().Key("c").Bool(true).Key("d").Number(std::nan("")).EndObject();
  EXPECT_EQ(json.text(), R"({"a":1.5,"b":[1,"x",{},[]],"c":true,"d":null})");
}

TEST(JsonWriterTest, TextThatLooksLikeABracketIsText) {
  JsonWriter json;
  json.BeginArray().String("[").String("{").String(":").EndArray();
  EXPECT_EQ(json.text(), R"(["[","{",":"])");
}

TEST(JsonStringTest, IsSafeInsideAScript) {
  EXPECT_EQ(JsonString("</script>\n\"\\"), "\"\\u003c/script>\\u000a\\\"\\\\\"");
}

TEST(TextTableTest, ColumnsAreAsWideAsTheirWidestCell) {
  TextTable table({"name", "ns"});
  table.AddRow({"a", "1234"});
  table.AddRow({"longer"});
  EXPECT_EQ(table.ToString(), "name      ns\na       1234\nlonger\n");
}

}  // namespace
}  // namespace nearcache::bench
