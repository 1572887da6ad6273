#include "tests/tidy/functions.h"

#include <algorithm>
#include <regex>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace nearcache::tidy {
namespace {

constexpr size_t kNone = absl::string_view::npos;

// Offset of the brace that closes the one at `open`, or the end of `code`.
size_t ClosingBrace(absl::string_view code, size_t open) {
  int depth = 0;
  for (size_t i = open; i < code.size(); ++i) {
    if (code[i] == '{') ++depth;
    if (code[i] == '}' && --depth == 0) return i;
  }
  return code.size();
}

// What a brace opens, told from the text between the last statement's end and the brace.
enum class Opens { kContainer, kFunction, kInitializer };

Opens Classify(absl::string_view header) {
  static const std::regex container(R"(\b(namespace|class|struct|union|enum|extern)\b[^()=]*$)");
  static const std::regex attributed_class(R"(^\s*(template\s*<[^{;]*>\s*)?(class|struct)\b[^=]*$)");
  static const std::regex member_initializer(R"(\)[^:;{]*[^:]:[^:].*[A-Za-z0-9_>]\s*$)");
  static const std::regex tail_word(R"(\b(const|noexcept|override|final|try|mutable)\s*$)");
  std::string text(header);
  absl::RemoveExtraAsciiWhitespace(&text);
  const bool has_parenthesis = absl::StrContains(text, "(");
  if (!has_parenthesis) {
    return std::regex_search(text, container) ? Opens::kContainer : Opens::kInitializer;
  }
  if (std::regex_search(text, attributed_class) && !absl::EndsWith(text, ")")) return Opens::kContainer;
  if (std::regex_search(text, member_initializer) && !std::regex_search(text, tail_word)) return Opens::kInitializer;
  return Opens::kFunction;
}

std::string NameOf(absl::string_view header) {
  static const std::regex name(R"(([A-Za-z_~][A-Za-z0-9_:~]*)\s*\()");
  const std::string text(header);
  std::smatch match;
  return std::regex_search(text, match, name) ? match[1].str() : std::string("function");
}

// Blanks preprocessor lines, whose braces and parentheses belong to no statement.
std::string WithoutPreprocessor(absl::string_view code) {
  std::string out(code);
  bool inside = false;
  size_t begin = 0;
  for (absl::string_view line : absl::StrSplit(code, '\n')) {
    inside = inside || absl::StartsWith(absl::StripLeadingAsciiWhitespace(line), "#");
    if (inside) std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(begin), line.size(), ' ');
    inside = inside && absl::EndsWith(line, "\\");
    begin += line.size() + 1;
  }
  return out;
}

size_t FirstNonBlank(absl::string_view code, size_t from, size_t to) {
  while (from < to && absl::ascii_isspace(code[from])) ++from;
  return from;
}

// A member declaration's name, or nothing if `statement` declares no data member.
std::string FieldName(absl::string_view statement) {
  static const std::regex not_a_field(R"(^\s*(static|using|typedef|friend|enum|struct|class|template|explicit)\b)");
  static const std::regex last_word(R"(([A-Za-z_][A-Za-z0-9_]*)\s*$)");
  std::string text(statement.substr(0, statement.find_first_of("={")));
  if (std::regex_search(text, not_a_field) || absl::StrContains(text, "operator")) return "";
  // Template arguments may hold parentheses (AnyInvocable<void()>); what is left with one is a function.
  for (size_t open = text.rfind('<'); open != kNone; open = text.rfind('<')) {
    const size_t close = text.find('>', open);
    if (close == kNone) break;
    text.replace(open, close - open + 1, " ");
  }
  std::smatch match;
  if (absl::StrContains(text, "(") || !std::regex_search(text, match, last_word)) return "";
  // A lone word is a label such as `public`, not a type and a name.
  return match.position(1) == 0 ? std::string() : match[1].str();
}

}  // namespace

std::vector<FunctionSpan> Functions(const SourceFile& file) {
  const std::string code = WithoutPreprocessor(file.code);
  std::vector<FunctionSpan> spans;
  size_t statement = 0;  // Where the current statement begins.
  for (size_t i = 0; i < code.size(); ++i) {
    if (code[i] == ';' || code[i] == '}') statement = i + 1;
    if (code[i] != '{') continue;
    const absl::string_view header = absl::string_view(code).substr(statement, i - statement);
    const Opens opens = Classify(header);
    if (opens == Opens::kContainer) {
      statement = i + 1;
      continue;
    }
    const size_t close = ClosingBrace(code, i);
    if (opens == Opens::kFunction) {
      const size_t first = FirstNonBlank(code, statement, i);
      spans.push_back({NameOf(header), LineOfOffset(code, first), LineOfOffset(code, close)});
      statement = close + 1;
    }
    i = close;
  }
  return spans;
}

std::vector<std::string> Structs(const SourceFile& file) {
  static const std::regex definition(R"(\bstruct\s+([A-Za-z0-9_]+)\s*(final\s*)?(:[^{;]*)?\{)");
  std::vector<std::string> names;
  for (std::sregex_iterator it(file.code.begin(), file.code.end(), definition), end; it != end; ++it) {
    names.push_back((*it)[1].str());
  }
  return names;
}

std::vector<Field> Fields(const SourceFile& file, absl::string_view struct_name) {
  const std::regex definition(absl::StrCat(R"(\bstruct\s+)", struct_name, R"(\s*(final\s*)?(:[^{;]*)?\{)"));
  std::smatch match;
  std::vector<Field> fields;
  if (!std::regex_search(file.code, match, definition)) return fields;
  const absl::string_view code = file.code;
  const size_t open = static_cast<size_t>(match.position(0) + match.length(0)) - 1;
  const size_t close = ClosingBrace(code, open);
  size_t statement = open + 1;
  for (size_t i = open + 1; i < close; ++i) {
    if (code[i] == '{') {
      const bool is_function = Classify(code.substr(statement, i - statement)) == Opens::kFunction;
      i = ClosingBrace(code, i);
      if (is_function) statement = i + 1;
    }
    if (code[i] != ';') continue;
    const std::string name = FieldName(code.substr(statement, i - statement));
    if (!name.empty()) fields.push_back({name, LineOfOffset(code, FirstNonBlank(code, statement, i))});
    statement = i + 1;
  }
  return fields;
}

}  // namespace nearcache::tidy
