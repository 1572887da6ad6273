// A program run as its user runs it, for end-to-end tests.

#ifndef NEARCACHE_TESTS_SUPPORT_PROGRAM_H_
#define NEARCACHE_TESTS_SUPPORT_PROGRAM_H_

#include <string>

#include "absl/strings/string_view.h"

namespace nearcache::testing {

struct ProgramOutcome {
  int exit_code = -1;  // -1: it was ended by a signal.
  std::string output;  // Standard output and standard error, as they came.
};

// `command` is the shell's; relative paths are those of the test's runfiles.
ProgramOutcome RunProgram(absl::string_view command);

// Where a program that is run may leave a file: in the test's own temporary folder.
std::string PathOf(absl::string_view name);

// The whole file; empty if there is none.
std::string ReadFile(const std::string& path);

}  // namespace nearcache::testing

#endif  // NEARCACHE_TESTS_SUPPORT_PROGRAM_H_
