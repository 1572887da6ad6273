#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/tidy/functions.h"
#include "tests/tidy/rules.h"

namespace nearcache::tidy {
namespace {

constexpr size_t kNone = absl::string_view::npos;

// Documents that the world looks for by name; nothing needs to point at them.
const char* const kKnownByName[] = {"README.md", "CHANGELOG.md", "LICENSE"};

const SourceFile* Find(const std::vector<SourceFile>& files, absl::string_view path) {
  for (const SourceFile& file : files) {
    if (file.path == path) return &file;
  }
  return nullptr;
}

bool IsWordChar(char c) { return absl::ascii_isalnum(c) || c == '_'; }

// True if `word` stands in `text` as a word of its own.
bool HasWord(absl::string_view text, absl::string_view word) {
  for (size_t at = text.find(word); at != kNone; at = text.find(word, at + 1)) {
    const bool begins = at == 0 || !IsWordChar(text[at - 1]);
    const bool ends = at + word.size() == text.size() || !IsWordChar(text[at + word.size()]);
    if (begins && ends) return true;
  }
  return false;
}

void CheckFieldsDocumented(const SourceFile& header, const std::string& owner, absl::string_view readme,
                           std::vector<Finding>& findings) {
  for (const Field& field : Fields(header, owner)) {
    if (HasWord(readme, field.name)) continue;
    findings.push_back({header.path, field.line,
                        absl::StrCat(owner, "::", field.name, " is not in README.md: say there what it means")});
  }
}

absl::string_view Folder(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == kNone ? "" : path.substr(0, slash);
}

absl::string_view BaseName(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == kNone ? path : path.substr(slash + 1);
}

// The BUILD file of the package that holds `path`, or null.
const SourceFile* PackageOf(const std::vector<SourceFile>& files, absl::string_view path) {
  for (absl::string_view folder = Folder(path);; folder = Folder(folder)) {
    const std::string build = folder.empty() ? "BUILD.bazel" : absl::StrCat(folder, "/BUILD.bazel");
    if (const SourceFile* package = Find(files, build)) return package;
    if (folder.empty()) return nullptr;
  }
}

// True if the BUILD file names `path`, in full below its package or by a glob over the file's extension.
bool IsInTarget(const SourceFile& build, absl::string_view path) {
  const absl::string_view folder = Folder(build.path);
  const absl::string_view relative = folder.empty() ? path : path.substr(folder.size() + 1);
  if (absl::StrContains(build.text, absl::StrCat("\"", relative, "\""))) return true;
  const size_t dot = relative.rfind('.');
  return dot != kNone && absl::StrContains(build.text, "glob(") &&
         absl::StrContains(build.text, absl::StrCat("*", relative.substr(dot), "\""));
}

bool IsNamedElsewhere(const std::vector<SourceFile>& files, const SourceFile& file) {
  for (const SourceFile& other : files) {
    if (&other != &file && HasWord(other.text, BaseName(file.path))) return true;
  }
  return false;
}

bool EndsWithAny(absl::string_view text, std::initializer_list<absl::string_view> endings) {
  for (absl::string_view ending : endings) {
    if (absl::EndsWith(text, ending)) return true;
  }
  return false;
}

}  // namespace

std::vector<Finding> CheckDocumented(const std::vector<SourceFile>& files) {
  const SourceFile* readme = Find(files, "README.md");
  if (readme == nullptr) return {{"README.md", 0, "missing: write it"}};
  std::vector<Finding> findings;
  for (absl::string_view path : {"lib/nearcache/options.h", "lib/nearcache/stats.h"}) {
    const SourceFile* header = Find(files, path);
    if (header == nullptr) {
      findings.push_back({std::string(path), 0, "missing: its options or counters cannot be checked"});
      continue;
    }
    for (const std::string& owner : Structs(*header)) {
      if (!EndsWithAny(owner, {"Options", "Stats"})) continue;
      CheckFieldsDocumented(*header, owner, readme->text, findings);
    }
  }
  return findings;
}

std::vector<Finding> CheckDeadFiles(const std::vector<SourceFile>& files) {
  std::vector<Finding> findings;
  std::set<absl::string_view> known(std::begin(kKnownByName), std::end(kKnownByName));
  for (const SourceFile& file : files) {
    if (known.count(file.path) > 0) continue;
    if (file.IsCpp()) {
      const SourceFile* build = PackageOf(files, file.path);
      if (build != nullptr && IsInTarget(*build, file.path)) continue;
      findings.push_back({file.path, 1, "in no target of its package: add it to the BUILD file, or delete it"});
    } else if (EndsWithAny(file.path, {".md", ".sh", ".bzl", ".BUILD", ".py", ".json", ".txt"})) {
      const SourceFile* build = PackageOf(files, file.path);
      if ((build != nullptr && IsInTarget(*build, file.path)) || IsNamedElsewhere(files, file)) continue;
      findings.push_back({file.path, 1, "named by no target, document or script: point at it, or delete it"});
    }
  }
  return findings;
}

}  // namespace nearcache::tidy
