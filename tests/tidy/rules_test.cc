// Each rule fires on a bad sample and keeps quiet on a good one.

#include "tests/tidy/rules.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tidy/functions.h"
#include "tests/tidy/source_file.h"

namespace nearcache::tidy {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kLibFile[] = "lib/nearcache/internal/local/shard.cc";

std::string Repeated(int count, const std::string& line) {
  std::string text;
  for (int i = 0; i < count; ++i) absl::StrAppend(&text, line);
  return text;
}

testing::Matcher<const Finding&> At(int line, const std::string& part) {
  return testing::AllOf(Field(&Finding::line, line), Field(&Finding::message, HasSubstr(part)));
}

std::vector<Finding> Banned(const std::string& line) {
  return CheckBannedCalls(MakeSourceFile(kLibFile, absl::StrCat(line, "\n")));
}

std::vector<Finding> Layers(const std::string& path, const std::string& include) {
  return CheckLayers(MakeSourceFile(path, absl::StrCat("#include \"", include, "\"\n")));
}

TEST(SourceFileTest, BlanksCommentsAndLiteralsButKeepsLines) {
  const SourceFile file = MakeSourceFile("a.cc", "int a; // {\nauto s = \"}\\\"{\"; /* {\n} */ char c = '{';\n");
  EXPECT_EQ(file.code, "int a;     \nauto s = \"    \";     \n     char c = ' ';\n");
}

TEST(SourceFileTest, BlanksRawLiteralsAndKeepsDigitSeparators) {
  const SourceFile file = MakeSourceFile("a.cc", "auto r = R\"x({\"})\")x\"; int n = 1'000'000; f('\\'');\n");
  EXPECT_EQ(file.code, "auto r = R\"         \"; int n = 1'000'000; f('  ');\n");
}

TEST(SourceFileTest, FindsIncludesOutsideComments) {
  const SourceFile file = MakeSourceFile("a.cc", "// #include \"no.h\"\n#include <vector>\n#include \"x/y.h\"\n");
  const std::vector<Include> includes = Includes(file);
  ASSERT_THAT(includes, SizeIs(2));
  EXPECT_EQ(includes[0].path, "vector");
  EXPECT_EQ(includes[1].path, "x/y.h");
  EXPECT_EQ(includes[1].line, 3);
}

TEST(FunctionsTest, FindsFreeMemberAndTestFunctions) {
  const SourceFile file = MakeSourceFile("a.cc", R"(
namespace a {
class C : public B<void()> {
 public:
  C() : x_(1), y_{2} {
    Go([&] { return 1; });
  }
  int Get() const { return x_; }
  int x_ = 0;
};
enum class E { kA };
const int kTable[] = {1, 2};
TEST(A, B) {
  if (x) {
  }
}
auto F(std::map<int, int> m = {})
    -> int {
  return 1;
}
}  // namespace a
)");
  std::vector<std::string> found;
  for (const FunctionSpan& span : Functions(file)) {
    found.push_back(absl::StrCat(span.name, " ", span.first_line, "-", span.last_line));
  }
  EXPECT_THAT(found, testing::Contains("TEST 13-16"));
  EXPECT_THAT(found, testing::Contains(HasSubstr("-7")));
  EXPECT_THAT(found, testing::Contains(HasSubstr("Get 8-8")));
}

TEST(FunctionsTest, FindsFieldsOfAStruct) {
  const SourceFile file = MakeSourceFile("a.h", R"(
struct O {
  size_t bytes = size_t{64} << 20;  // comment; with a semicolon
  static constexpr int kMax = 3;
  absl::Duration wait = absl::Seconds(2);
  std::shared_ptr<F<void(int)>> executor;
  bool Ok() const { return true; }
  std::string ToString() const;
  enum class E { kA };
  E e = E::kA;
};
struct P : O {
  int only;
};
)");
  std::vector<std::string> names;
  for (const struct Field& field : Fields(file, "O")) names.push_back(field.name);
  EXPECT_THAT(names, ElementsAre("bytes", "wait", "executor", "e"));
  EXPECT_THAT(Structs(file), ElementsAre("O", "P"));
  EXPECT_THAT(Fields(file, "P"), SizeIs(1));
}

TEST(FileLengthTest, TestsMayBeLongerThanSources) {
  const std::string text = Repeated(400, "int x;\n");
  EXPECT_THAT(CheckFileLength(MakeSourceFile(kLibFile, text)), ElementsAre(At(400, "split it")));
  EXPECT_THAT(CheckFileLength(MakeSourceFile(kLibFile, Repeated(399, "\n"))), IsEmpty());
  EXPECT_THAT(CheckFileLength(MakeSourceFile("tests/a_test.cc", text)), IsEmpty());
  EXPECT_THAT(CheckFileLength(MakeSourceFile("tests/a_test.cc", Repeated(600, "\n"))), SizeIs(1));
  EXPECT_THAT(CheckFileLength(MakeSourceFile("lib/DESIGN.md", Repeated(900, "\n"))), IsEmpty());
}

TEST(FunctionLengthTest, SeventyLinesAreTooMany) {
  const std::string body = absl::StrCat("\nvoid F() {\n", Repeated(68, "  G();\n"), "}\n");
  EXPECT_THAT(CheckFunctionLength(MakeSourceFile(kLibFile, body)), ElementsAre(At(2, "F has 70 lines")));
  const std::string shorter = absl::StrCat("void F() {\n", Repeated(67, "  G();\n"), "}\n");
  EXPECT_THAT(CheckFunctionLength(MakeSourceFile(kLibFile, shorter)), IsEmpty());
}

TEST(WhitespaceTest, FindsTabsBlanksLongLinesAndMissingEnds) {
  EXPECT_THAT(CheckWhitespace(MakeSourceFile("a.md", "a\tb\n")), ElementsAre(At(1, "tab")));
  EXPECT_THAT(CheckWhitespace(MakeSourceFile("a.md", "a\nb \n")), ElementsAre(At(2, "blank")));
  EXPECT_THAT(CheckWhitespace(MakeSourceFile("a.md", "a")), ElementsAre(At(1, "one line end")));
  EXPECT_THAT(CheckWhitespace(MakeSourceFile("a.md", "a\n\n")), SizeIs(1));
  const std::string line(121, 'x');
  EXPECT_THAT(CheckWhitespace(MakeSourceFile("a.cc", line + "\n")), ElementsAre(At(1, "121 columns")));
  EXPECT_THAT(CheckWhitespace(MakeSourceFile("a.md", line + "\n")), IsEmpty());
}

TEST(LayersTest, LowerNeverIncludesHigher) {
  EXPECT_THAT(Layers("lib/nearcache/internal/base/a.h", "nearcache/internal/local/b.h"), ElementsAre(At(1, "base")));
  EXPECT_THAT(Layers("lib/nearcache/internal/codec/a.h", "nearcache/internal/remote/b.h"), SizeIs(1));
  EXPECT_THAT(Layers("lib/nearcache/internal/remote/a.h", "nearcache/internal/coherence/b.h"), SizeIs(1));
  EXPECT_THAT(Layers("lib/nearcache/internal/local/a.h", "nearcache/cache.h"), ElementsAre(At(1, "public")));
  EXPECT_THAT(Layers("lib/nearcache/internal/base/a.h", "nearcache/value.h"), SizeIs(1));
  EXPECT_THAT(Layers("lib/nearcache/internal/attic/a.h", "vector"), ElementsAre(At(1, "unknown layer")));
}

TEST(LayersTest, HigherIncludesLower) {
  EXPECT_THAT(Layers("lib/nearcache/internal/coherence/a.h", "nearcache/internal/remote/b.h"), IsEmpty());
  EXPECT_THAT(Layers("lib/nearcache/internal/conductor/a.h", "nearcache/internal/codec/b.h"), IsEmpty());
  EXPECT_THAT(Layers("lib/nearcache/internal/conductor/a.h", "nearcache/options.h"), IsEmpty());
  EXPECT_THAT(Layers("lib/nearcache/internal/local/a.h", "nearcache/value.h"), IsEmpty());
  EXPECT_THAT(Layers("lib/nearcache/cache.cc", "nearcache/internal/conductor/core.h"), IsEmpty());
  EXPECT_THAT(Layers("tests/a_test.cc", "nearcache/internal/conductor/core.h"), IsEmpty());
}

TEST(LayersTest, EachCLibraryHasItsFolder) {
  EXPECT_THAT(Layers("lib/nearcache/internal/coherence/a.cc", "hiredis/hiredis.h"), ElementsAre(At(1, "wrapper")));
  EXPECT_THAT(Layers("lib/nearcache/cache.cc", "zstd.h"), SizeIs(1));
  EXPECT_THAT(Layers("lib/nearcache/internal/codec/a.cc", "zstd.h"), IsEmpty());
  EXPECT_THAT(Layers("lib/nearcache/internal/base/a.cc", "xxhash.h"), IsEmpty());
}

TEST(OneHiredisTest, ExactlyOneFileIncludesIt) {
  const std::string include = "#include \"hiredis/hiredis.h\"\n";
  const SourceFile one = MakeSourceFile("lib/nearcache/internal/remote/io.cc", include);
  const SourceFile two = MakeSourceFile("lib/nearcache/internal/remote/other.cc", include);
  const SourceFile test = MakeSourceFile("tests/a_test.cc", include);
  EXPECT_THAT(CheckOneHiredis({one, test}), IsEmpty());
  EXPECT_THAT(CheckOneHiredis({one, two}), SizeIs(2));
  EXPECT_THAT(CheckOneHiredis({test}), SizeIs(1));
}

TEST(BannedCallsTest, EachFires) {
  for (const char* line : {"printf(\"x\");",
                           "std::fprintf(stderr, \"x\");",
                           "std::cout << 1;",
                           "std::cerr << 1;",
                           "abort();",
                           "if (x) std::abort();",
                           "exit(1);",
                           "::exit(1);",
                           "throw 1;",
                           "sleep(1);",
                           "std::this_thread::sleep_for(x);",
                           "absl::SleepFor(x);",
                           "strcpy(a, b);",
                           "sprintf(a, b);",
                           "atoi(s);",
                           "system(\"x\");",
                           "int r = rand();",
                           "std::mutex m;",
                           "std::lock_guard<std::mutex> l(m);",
                           "std::condition_variable c;"}) {
    EXPECT_THAT(Banned(line), testing::Not(IsEmpty())) << line;
  }
}

TEST(BannedCallsTest, LookAlikesAndOtherFoldersPass) {
  for (const char* line : {"// printf(x)", "auto s = \"throw\";", "snprintf(b, n, f);", "loop.exit();", "Abort(x);",
                           "on_exit_ = 1;", "absl::Mutex m;", "queue->abort();", "std::lock(a, b);"}) {
    EXPECT_THAT(Banned(line), IsEmpty()) << line;
  }
  EXPECT_THAT(CheckBannedCalls(MakeSourceFile("tests/a_test.cc", "exit(1);\n")), IsEmpty());
  EXPECT_THAT(CheckBannedCalls(MakeSourceFile("lib/nearcache/cli/main.cc", "printf(x);\n")), IsEmpty());
  EXPECT_THAT(CheckBannedCalls(MakeSourceFile("lib/nearcache/cli/main.cc", "throw 1;\n")), SizeIs(1));
}

TEST(DocumentedTest, OptionsAndCountersMustBeInReadme) {
  const SourceFile options = MakeSourceFile("lib/nearcache/options.h", "struct LocalOptions {\n  int a_max = 1;\n};\n");
  const SourceFile stats = MakeSourceFile("lib/nearcache/stats.h", "struct CacheStats {\n  uint64_t hits = 0;\n};\n");
  EXPECT_THAT(CheckDocumented({options, stats, MakeSourceFile("README.md", "`local.a_max` and hits.\n")}), IsEmpty());
  EXPECT_THAT(CheckDocumented({options, stats, MakeSourceFile("README.md", "a_max2 and hits\n")}),
              ElementsAre(At(2, "LocalOptions::a_max")));
  EXPECT_THAT(CheckDocumented({options, stats}), ElementsAre(At(0, "missing")));
  EXPECT_THAT(CheckDocumented({options, MakeSourceFile("README.md", "a_max\n")}), SizeIs(1));
}

TEST(DeadFilesTest, SourcesNeedATargetAndDocumentsAMention) {
  const SourceFile build = MakeSourceFile("lib/BUILD.bazel", "srcs = [\"a.cc\", \"sub/b.cc\"], glob([\"*.json\"])\n");
  EXPECT_THAT(CheckDeadFiles({build, MakeSourceFile("lib/a.cc", ""), MakeSourceFile("lib/sub/b.cc", "")}), IsEmpty());
  EXPECT_THAT(CheckDeadFiles({build, MakeSourceFile("lib/c.cc", "")}), ElementsAre(At(1, "in no target")));
  EXPECT_THAT(CheckDeadFiles({build, MakeSourceFile("other/a.cc", "")}), SizeIs(1));
  EXPECT_THAT(CheckDeadFiles({build, MakeSourceFile("lib/x.json", "")}), IsEmpty());
  const SourceFile note = MakeSourceFile("lib/NOTES.md", "NOTES.md\n");
  EXPECT_THAT(CheckDeadFiles({note}), ElementsAre(At(1, "named by no")));
  EXPECT_THAT(CheckDeadFiles({note, MakeSourceFile("README.md", "see lib/NOTES.md\n")}), IsEmpty());
}

}  // namespace
}  // namespace nearcache::tidy
