// Reads the worked examples of lib/FORMATS.md, so that tests can hold them against the code.
//
// An example is a fenced block whose info string is its kind. Lines `name = value` are fields. The other lines are rows
// of columns separated by two or more spaces: an offset or a label, bytes in hexadecimal separated by single spaces,
// and perhaps a comment.

#ifndef TESTS_NEARCACHE_INTERNAL_CODEC_FORMAT_EXAMPLES_H_
#define TESTS_NEARCACHE_INTERNAL_CODEC_FORMAT_EXAMPLES_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace nearcache::internal::codec {

struct FormatExample {
  int line = 0;  // Of the opening fence, for messages.
  std::map<std::string, std::string> fields;
  // First column and bytes of each row, in order.
  std::vector<std::pair<std::string, std::string>> rows;

  // The bytes of all rows, whose first columns must be their offsets; a failure of the test otherwise.
  std::string Bytes() const;
};

// All examples of one kind. Fails the test if a block cannot be read. The test needs //lib:FORMATS.md in its data.
std::vector<FormatExample> ReadFormatExamples(absl::string_view kind);

}  // namespace nearcache::internal::codec

#endif  // TESTS_NEARCACHE_INTERNAL_CODEC_FORMAT_EXAMPLES_H_
