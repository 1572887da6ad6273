#include "tests/tidy/tree.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace nearcache::tidy {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kClangFormatMajor = "21";

// Top-level folders that hold our files; the root's own files are taken too.
const char* const kFolders[] = {".ci", "bench", "changes", "docs", "lib", "tests", "third_party", "tools"};

bool IsText(const fs::path& path) {
  static const std::set<std::string>* const extensions =
      new std::set<std::string>{".h", ".cc", ".md", ".sh", ".bzl", ".bazel", ".BUILD", ".py", ".lua", ".json", ".txt"};
  static const std::set<std::string>* const names =
      new std::set<std::string>{"bazelw", "run", "WORKSPACE", "LICENSE", ".bazelrc", ".clang-format", ".clang-tidy"};
  return extensions->count(path.extension().string()) > 0 || names->count(path.filename().string()) > 0;
}

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void Collect(const fs::path& root, const fs::path& path, std::vector<SourceFile>& files) {
  if (!fs::is_regular_file(fs::symlink_status(path)) || !IsText(path)) return;
  files.push_back(MakeSourceFile(fs::relative(path, root).generic_string(), ReadFile(path)));
}

void CollectFolder(const fs::path& root, const fs::path& folder, std::vector<SourceFile>& files) {
  if (!fs::is_directory(fs::symlink_status(folder))) return;
  for (auto it = fs::recursive_directory_iterator(folder); it != fs::recursive_directory_iterator(); ++it) {
    if (absl::StartsWith(it->path().filename().string(), "bazel-")) it.disable_recursion_pending();
    Collect(root, it->path(), files);
  }
}

// The standard output and error of a command, together.
std::string OutputOf(const std::string& command) {
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(absl::StrCat(command, " 2>&1").c_str(), "r"), &pclose);
  std::string output;
  char buffer[4096];
  while (pipe != nullptr) {
    const size_t count = fread(buffer, 1, sizeof buffer, pipe.get());
    if (count == 0) break;
    output.append(buffer, count);
  }
  return output;
}

// The first complaint of each file in clang-format's output: "PATH:LINE:COLUMN: error: ...".
std::vector<Finding> FirstComplaints(absl::string_view output) {
  std::map<std::string, int> first;
  for (absl::string_view line : absl::StrSplit(output, '\n')) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(':', 3));
    int number = 0;
    if (parts.size() < 4 || !absl::StrContains(parts[3], "error:") || !absl::SimpleAtoi(parts[1], &number)) continue;
    first.emplace(std::string(parts[0]), number);
  }
  std::vector<Finding> findings;
  for (const auto& [path, line] : first) {
    findings.push_back(
        {path, line, absl::StrCat("not as clang-format has it: ./bazelw --shell clang-format -i ", path)});
  }
  return findings;
}

}  // namespace

std::string CheckoutFolder() {
  const fs::path link = fs::path(std::getenv("TEST_SRCDIR")) / std::getenv("TEST_WORKSPACE") / "MODULE.bazel";
  return fs::canonical(link).parent_path().string();
}

std::vector<SourceFile> ReadTree(const std::string& folder) {
  std::vector<SourceFile> files;
  const fs::path root(folder);
  for (const auto& entry : fs::directory_iterator(root)) Collect(root, entry.path(), files);
  for (const char* name : kFolders) CollectFolder(root, root / name, files);
  std::sort(files.begin(), files.end(),
            [](const SourceFile& left, const SourceFile& right) { return left.path < right.path; });
  return files;
}

FormatReport CheckFormat(const std::string& folder, const std::vector<SourceFile>& files) {
  FormatReport report;
  const std::string version = OutputOf("clang-format --version");
  if (!absl::StrContains(version, absl::StrCat("version ", kClangFormatMajor, "."))) {
    report.skipped = absl::StrCat("clang-format ", kClangFormatMajor, " is not on PATH; found: ", version);
    return report;
  }
  std::string command = absl::StrCat("cd '", folder, "' && clang-format --dry-run --Werror");
  for (const SourceFile& file : files) {
    if (file.IsCpp()) absl::StrAppend(&command, " '", file.path, "'");
  }
  report.findings = FirstComplaints(OutputOf(command));
  return report;
}

}  // namespace nearcache::tidy
