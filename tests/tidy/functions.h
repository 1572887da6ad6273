// Finds the function bodies of a C++ file by matching braces. No parser: it knows the shapes that this repository uses.

#ifndef NEARCACHE_TESTS_TIDY_FUNCTIONS_H_
#define NEARCACHE_TESTS_TIDY_FUNCTIONS_H_

#include <string>
#include <vector>

#include "tests/tidy/source_file.h"

namespace nearcache::tidy {

struct FunctionSpan {
  std::string name;  // As far as it can be told, for messages only.
  int first_line = 0;
  int last_line = 0;
  int LineCount() const { return last_line - first_line + 1; }
};

// The outermost functions with a body, from the line where their header begins to their closing brace. Lambdas and
// local classes count as part of the function that holds them.
std::vector<FunctionSpan> Functions(const SourceFile& file);

// The names of the data members of `struct_name` in `file`, with their lines; empty if there is no such struct. Static
// members, functions and nested types are left out.
struct Field {
  std::string name;
  int line = 0;
};
std::vector<Field> Fields(const SourceFile& file, absl::string_view struct_name);

// The names of all structs that `file` defines.
std::vector<std::string> Structs(const SourceFile& file);

}  // namespace nearcache::tidy

#endif  // NEARCACHE_TESTS_TIDY_FUNCTIONS_H_
