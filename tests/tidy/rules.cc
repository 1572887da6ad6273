#include "tests/tidy/rules.h"

#include <algorithm>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/tidy/functions.h"

namespace nearcache::tidy {
namespace {

constexpr int kFileLinesMax = 400;
constexpr int kTestFileLinesMax = 600;
constexpr int kFunctionLinesMax = 70;
constexpr size_t kLineColumnsMax = 120;

bool IsTest(absl::string_view path) { return absl::StartsWith(path, "tests/"); }

// Text that is read by looking up, not from the top: documents, and the lists that BUILD files are.
bool MayBeLong(absl::string_view path) {
  return absl::EndsWith(path, ".md") || absl::EndsWith(path, "LICENSE") || absl::EndsWith(path, "BUILD.bazel");
}

bool IsLibrary(absl::string_view path) { return absl::StartsWith(path, "lib/"); }

// A banned call: the words that a line must hold for a closer look, the closer look, and what to do instead.
struct Banned {
  std::vector<absl::string_view> words;
  std::regex pattern;
  const char* remedy;
  bool except_cli;  // The command line program prints, and ends the process.
};

// `word` called as a free function: after nothing, a blank, an operator, `std::` or a leading `::`.
std::regex FreeCall(absl::string_view words) {
  return std::regex(absl::StrCat(R"((^|[^:.>\w]|\bstd::|(^|[^\w>])::)()", words, R"()\s*\()"));
}

const std::vector<Banned>& BannedCalls() {
  static const std::vector<Banned>* const banned = new std::vector<Banned>{
      {{"printf", "put", "perror"},
       std::regex(R"(\b(printf|fprintf|vprintf|vfprintf|puts|fputs|putchar|perror)\s*\()"),
       "the library never prints; return a Status",
       true},
      {{"std::c"}, std::regex(R"(\bstd::(cout|cerr|clog)\b)"), "the library never prints; return a Status", true},
      {{"abort", "exit", "terminate"},
       FreeCall("abort|exit|_exit|quick_exit|terminate"),
       "the library never ends the process; return a Status",
       true},
      {{"throw"}, std::regex(R"(\bthrow\b)"), "no exceptions; return a Status", false},
      {{"sleep", "Sleep"},
       std::regex(R"((^|[^:.>\w]|::)(sleep|usleep|nanosleep)\s*\(|\bsleep_(for|until)\s*\(|\bSleepFor\s*\()"),
       "wait on a condition, a timer of the loop or the injected clock",
       false},
      {{"str", "gets", "printf"},
       std::regex(R"(\b(strcpy|strcat|sprintf|vsprintf|gets|strtok)\s*\()"),
       "unbounded; use absl::string_view and absl::StrCat",
       false},
      {{"ato", "strto"},
       std::regex(R"(\b(atoi|atol|atof|strtol|strtoul|strtod)\s*\()"),
       "unchecked or locale-bound; use absl::SimpleAtoi or SimpleAtod",
       false},
      {{"system", "popen"}, FreeCall("system|popen"), "the library starts no process", false},
      {{"rand"}, FreeCall("rand|srand|random"), "use absl::BitGen, or a seeded generator that is passed in", false},
      {{"std::"},
       std::regex(
           R"(\bstd::((shared_|recursive_|timed_)?mutex|(lock_guard|unique_lock|scoped_lock)|condition_variable))"),
       "use absl::Mutex, which Clang checks",
       false},
  };
  return *banned;
}

bool HasAnyOf(absl::string_view line, const std::vector<absl::string_view>& words) {
  return std::any_of(words.begin(), words.end(), [&](absl::string_view word) { return absl::StrContains(line, word); });
}

std::vector<Finding> CheckBannedOnLine(const SourceFile& file, absl::string_view line, int number) {
  std::vector<Finding> findings;
  const bool is_cli = absl::StartsWith(file.path, "lib/nearcache/cli/");
  for (const Banned& banned : BannedCalls()) {
    if ((is_cli && banned.except_cli) || !HasAnyOf(line, banned.words)) continue;
    std::cmatch match;
    if (!std::regex_search(line.data(), line.data() + line.size(), match, banned.pattern)) continue;
    std::string call = match.str(0);
    call.erase(0, call.find_first_not_of(" \t,;(){}=!&|?"));
    findings.push_back({file.path, number, absl::StrCat("banned in lib/: '", call, "': ", banned.remedy)});
  }
  return findings;
}

// Characters of a line in UTF-8.
size_t Columns(absl::string_view line) {
  return static_cast<size_t>(
      std::count_if(line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

std::vector<Finding> CheckFileLength(const SourceFile& file) {
  if (MayBeLong(file.path)) return {};
  const int limit = IsTest(file.path) ? kTestFileLinesMax : kFileLinesMax;
  const int count = static_cast<int>(Lines(file.text).size());
  if (count < limit) return {};
  return {
      {file.path, count, absl::StrCat("file of ", count, " lines; the limit is ", limit - 1, ": split it by topic")}};
}

std::vector<Finding> CheckFunctionLength(const SourceFile& file) {
  std::vector<Finding> findings;
  for (const FunctionSpan& span : Functions(file)) {
    if (span.LineCount() < kFunctionLinesMax) continue;
    findings.push_back({file.path, span.first_line,
                        absl::StrCat(span.name, " has ", span.LineCount(), " lines; the limit is ",
                                     kFunctionLinesMax - 1, ": give its parts names and functions of their own")});
  }
  return findings;
}

std::vector<Finding> CheckWhitespace(const SourceFile& file) {
  std::vector<Finding> findings;
  const std::vector<absl::string_view> lines = Lines(file.text);
  int number = 0;
  for (absl::string_view line : lines) {
    ++number;
    if (absl::StrContains(line, "\t")) findings.push_back({file.path, number, "tab: use blanks"});
    if (absl::EndsWith(line, " ") || absl::EndsWith(line, "\r")) {
      findings.push_back({file.path, number, "blank at the line's end: remove it"});
    }
    if (file.IsCpp() && Columns(line) > kLineColumnsMax && !absl::StrContains(line, "://")) {
      findings.push_back(
          {file.path, number,
           absl::StrCat("line of ", Columns(line), " columns; the limit is ", kLineColumnsMax, ": break it")});
    }
  }
  if (!file.text.empty() && (!absl::EndsWith(file.text, "\n") || absl::EndsWith(file.text, "\n\n"))) {
    findings.push_back({file.path, number, "a file ends with one line end"});
  }
  return findings;
}

std::vector<Finding> CheckBannedCalls(const SourceFile& file) {
  std::vector<Finding> findings;
  if (!IsLibrary(file.path)) return findings;
  int number = 0;
  for (absl::string_view line : Lines(file.code)) {
    for (Finding& finding : CheckBannedOnLine(file, line, ++number)) findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace nearcache::tidy
