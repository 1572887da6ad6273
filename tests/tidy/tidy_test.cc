// Runs every rule over the checkout. A failure names file, line and remedy.

#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/tidy/rules.h"
#include "tests/tidy/source_file.h"
#include "tests/tidy/tree.h"

namespace nearcache::tidy {
namespace {

class TidyTest : public testing::Test {
 protected:
  static const std::vector<SourceFile>& Files() {
    static const std::vector<SourceFile>* const files = new std::vector<SourceFile>(ReadTree(CheckoutFolder()));
    return *files;
  }

  static void Expect(const std::vector<Finding>& findings) {
    for (const Finding& finding : findings) ADD_FAILURE() << finding.ToString();
  }

  static void ExpectEach(const std::function<std::vector<Finding>(const SourceFile&)>& rule) {
    for (const SourceFile& file : Files()) Expect(rule(file));
  }
};

TEST_F(TidyTest, TheTreeIsFound) { EXPECT_GT(Files().size(), 20u) << "in " << CheckoutFolder(); }

TEST_F(TidyTest, FilesAreShort) { ExpectEach(CheckFileLength); }

TEST_F(TidyTest, FunctionsAreShort) { ExpectEach(CheckFunctionLength); }

TEST_F(TidyTest, WhitespaceIsClean) { ExpectEach(CheckWhitespace); }

TEST_F(TidyTest, LowerLayersDoNotIncludeHigherOnes) { ExpectEach(CheckLayers); }

TEST_F(TidyTest, TheLibraryMakesNoBannedCalls) { ExpectEach(CheckBannedCalls); }

TEST_F(TidyTest, OneFileIncludesHiredis) { Expect(CheckOneHiredis(Files())); }

TEST_F(TidyTest, OptionsAndCountersAreDocumented) { Expect(CheckDocumented(Files())); }

TEST_F(TidyTest, NoFileIsDead) { Expect(CheckDeadFiles(Files())); }

TEST_F(TidyTest, CodeIsFormatted) {
  const FormatReport report = CheckFormat(CheckoutFolder(), Files());
  if (!report.skipped.empty()) GTEST_SKIP() << report.skipped;
  Expect(report.findings);
}

}  // namespace
}  // namespace nearcache::tidy
