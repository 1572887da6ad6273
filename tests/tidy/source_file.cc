#include "tests/tidy/source_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace nearcache::tidy {
namespace {

// Blanks [begin, end) of `code`, keeping line ends so that line numbers hold.
void Blank(std::string& code, size_t begin, size_t end) {
  for (size_t i = begin; i < end && i < code.size(); ++i) {
    if (code[i] != '\n') code[i] = ' ';
  }
}

bool IsIdentifierChar(char c) { return absl::ascii_isalnum(c) || c == '_'; }

// The offset just past a literal whose opening quote is at `begin`.
size_t EndOfQuoted(absl::string_view text, size_t begin) {
  const char quote = text[begin];
  size_t i = begin + 1;
  while (i < text.size() && text[i] != quote && text[i] != '\n') i += text[i] == '\\' ? 2 : 1;
  return std::min(i + 1, text.size());
}

// The offset just past a raw literal whose opening quote is at `begin`.
size_t EndOfRaw(absl::string_view text, size_t begin) {
  const size_t parenthesis = text.find('(', begin);
  if (parenthesis == absl::string_view::npos) return text.size();
  const std::string close = absl::StrCat(")", text.substr(begin + 1, parenthesis - begin - 1), "\"");
  const size_t end = text.find(close, parenthesis);
  return end == absl::string_view::npos ? text.size() : end + close.size();
}

bool StartsRaw(absl::string_view text, size_t quote) {
  if (quote == 0 || text[quote - 1] != 'R') return false;
  return quote == 1 || !IsIdentifierChar(text[quote - 2]) || text[quote - 2] == '8' || text[quote - 2] == 'L';
}

// True if the quote at `i` separates digits, as in 1'000.
bool SeparatesDigits(absl::string_view text, size_t i) {
  return i > 0 && absl::ascii_isxdigit(text[i - 1]) && i + 1 < text.size() && absl::ascii_isxdigit(text[i + 1]);
}

std::string WithoutCommentsAndLiterals(absl::string_view text) {
  std::string code(text);
  size_t i = 0;
  while (i < text.size()) {
    const absl::string_view rest = text.substr(i);
    size_t end = i + 1;
    if (absl::StartsWith(rest, "//")) {
      end = std::min(text.find('\n', i), text.size());
      Blank(code, i, end);
    } else if (absl::StartsWith(rest, "/*")) {
      const size_t close = text.find("*/", i + 2);
      end = close == absl::string_view::npos ? text.size() : close + 2;
      Blank(code, i, end);
    } else if (text[i] == '"') {
      end = StartsRaw(text, i) ? EndOfRaw(text, i) : EndOfQuoted(text, i);
      Blank(code, i + 1, end - 1);
    } else if (text[i] == '\'' && !SeparatesDigits(text, i)) {
      end = EndOfQuoted(text, i);
      Blank(code, i + 1, end - 1);
    }
    i = end;
  }
  return code;
}

}  // namespace

bool SourceFile::IsHeader() const { return absl::EndsWith(path, ".h"); }

bool SourceFile::IsCpp() const { return IsHeader() || absl::EndsWith(path, ".cc"); }

std::string Finding::ToString() const { return absl::StrCat(path, ":", line, ": ", message); }

SourceFile MakeSourceFile(std::string path, std::string text) {
  SourceFile file;
  file.path = std::move(path);
  file.text = std::move(text);
  if (file.IsCpp()) file.code = WithoutCommentsAndLiterals(file.text);
  return file;
}

std::vector<absl::string_view> Lines(absl::string_view text) {
  std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

int LineOfOffset(absl::string_view text, size_t offset) {
  const absl::string_view before = text.substr(0, std::min(offset, text.size()));
  return 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
}

std::vector<Include> Includes(const SourceFile& file) {
  std::vector<Include> includes;
  const std::vector<absl::string_view> text = Lines(file.text);
  const std::vector<absl::string_view> code = Lines(file.code);
  for (size_t i = 0; i < code.size(); ++i) {
    if (!absl::StartsWith(absl::StripLeadingAsciiWhitespace(code[i]), "#include")) continue;
    const size_t open = text[i].find_first_of("\"<");
    if (open == absl::string_view::npos) continue;
    const size_t close = text[i].find_first_of("\">", open + 1);
    if (close == absl::string_view::npos) continue;
    includes.push_back({static_cast<int>(i) + 1, std::string(text[i].substr(open + 1, close - open - 1))});
  }
  return includes;
}

}  // namespace nearcache::tidy
