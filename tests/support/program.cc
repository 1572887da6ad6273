#include "tests/support/program.h"

#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace nearcache::testing {

ProgramOutcome RunProgram(absl::string_view command) {
  const std::string output = PathOf("output.txt");
  const int status = std::system(absl::StrCat(command, " > ", output, " 2>&1").c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadFile(output)};
}

std::string PathOf(absl::string_view name) { return absl::StrCat(::testing::TempDir(), "/", name); }

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

}  // namespace nearcache::testing
