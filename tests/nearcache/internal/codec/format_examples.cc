#include "tests/nearcache/internal/codec/format_examples.h"

#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"

namespace nearcache::internal::codec {
namespace {

// Cuts the text up to the next two spaces off.
std::string TakeColumn(absl::string_view* line) {
  *line = absl::StripLeadingAsciiWhitespace(*line);
  const size_t end = line->find("  ");
  const std::string column(line->substr(0, end));
  line->remove_prefix(column.size());
  return column;
}

void ReadLine(absl::string_view line, int number, FormatExample* example) {
  const size_t equals = line.find('=');
  if (equals != absl::string_view::npos) {
    const absl::string_view name = absl::StripAsciiWhitespace(line.substr(0, equals));
    example->fields[std::string(name)] = std::string(absl::StripAsciiWhitespace(line.substr(equals + 1)));
    return;
  }
  const std::string label = TakeColumn(&line);
  const std::string digits = absl::StrReplaceAll(TakeColumn(&line), {{" ", ""}});
  std::string bytes;
  const bool read = !digits.empty() && absl::HexStringToBytes(digits, &bytes);
  ASSERT_TRUE(read) << "FORMATS.md:" << number << ": no bytes in hexadecimal";
  example->rows.emplace_back(label, bytes);
}

}  // namespace

std::string FormatExample::Bytes() const {
  std::string bytes;
  for (const auto& row : rows) {
    EXPECT_EQ(row.first, absl::StrCat(bytes.size())) << "offset, in the example of line " << line;
    bytes += row.second;
  }
  return bytes;
}

std::vector<FormatExample> ReadFormatExamples(absl::string_view kind) {
  std::ifstream file("lib/FORMATS.md");
  EXPECT_TRUE(file.good()) << "lib/FORMATS.md is not among the data of this test";
  std::vector<FormatExample> examples;
  bool inside = false;
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (!inside && line == absl::StrCat("```", kind)) {
      inside = true;
      examples.emplace_back();
      examples.back().line = number;
    } else if (inside && line == "```") {
      inside = false;
    } else if (inside && !absl::StripAsciiWhitespace(line).empty()) {
      ReadLine(line, number, &examples.back());
    }
  }
  EXPECT_FALSE(inside) << "the last example is not closed";
  return examples;
}

}  // namespace nearcache::internal::codec
