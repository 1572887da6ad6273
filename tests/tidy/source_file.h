// A text file of the repository as the tidy rules see it.
//
// Plain values without state of their own; the rules are pure functions over them, so that each can be shown to fire on
// a sample that never touches a disk.

#ifndef NEARCACHE_TESTS_TIDY_SOURCE_FILE_H_
#define NEARCACHE_TESTS_TIDY_SOURCE_FILE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace nearcache::tidy {

struct SourceFile {
  // Relative to the root of the repository, as in "lib/nearcache/cache.h".
  std::string path;
  std::string text;
  // For C++: `text` with comments and the insides of literals turned into blanks, byte for byte and line for line.
  // Otherwise empty.
  std::string code;

  bool IsCpp() const;
  bool IsHeader() const;
};

// One broken rule: where, what, and what to do about it.
struct Finding {
  std::string path;
  int line = 0;
  std::string message;

  std::string ToString() const;
  friend bool operator==(const Finding& a, const Finding& b) {
    return a.path == b.path && a.line == b.line && a.message == b.message;
  }
};

SourceFile MakeSourceFile(std::string path, std::string text);

// The lines of `text` without their ends.
std::vector<absl::string_view> Lines(absl::string_view text);

// 1 for the first line.
int LineOfOffset(absl::string_view text, size_t offset);

// The paths that a C++ file includes, with their lines; <a> and "a" alike.
struct Include {
  int line = 0;
  std::string path;
};
std::vector<Include> Includes(const SourceFile& file);

}  // namespace nearcache::tidy

#endif  // NEARCACHE_TESTS_TIDY_SOURCE_FILE_H_
