// Reads the repository's own files from disk, and asks clang-format about them.

#ifndef NEARCACHE_TESTS_TIDY_TREE_H_
#define NEARCACHE_TESTS_TIDY_TREE_H_

#include <string>
#include <vector>

#include "tests/tidy/source_file.h"

namespace nearcache::tidy {

// The checkout that this test was built from. The build hands over a link to one of its files, which is followed.
std::string CheckoutFolder();

// The text files that are ours to keep tidy, in the order of their paths. Bazel's own links, consumers' build output
// and everything hidden but .ci are left out.
std::vector<SourceFile> ReadTree(const std::string& folder);

struct FormatReport {
  // Empty if clang-format ran; otherwise why it did not.
  std::string skipped;
  std::vector<Finding> findings;
};

// Compares C++ files with what clang-format makes of them. Releases of clang-format differ in details, so only the one
// that the bare machine's root brings is asked.
FormatReport CheckFormat(const std::string& folder, const std::vector<SourceFile>& files);

}  // namespace nearcache::tidy

#endif  // NEARCACHE_TESTS_TIDY_TREE_H_
