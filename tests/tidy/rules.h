// The rules that every change keeps, each a pure function from files to findings.
//
// A rule says in its message what to do, not only what is wrong. To change a limit, change it here and say why in the
// commit.

#ifndef NEARCACHE_TESTS_TIDY_RULES_H_
#define NEARCACHE_TESTS_TIDY_RULES_H_

#include <vector>

#include "tests/tidy/source_file.h"

namespace nearcache::tidy {

// Sources and scripts end before their 400th line, tests and their helpers before their 600th.
std::vector<Finding> CheckFileLength(const SourceFile& file);

// No function of a C++ file has 70 lines or more.
std::vector<Finding> CheckFunctionLength(const SourceFile& file);

// No tabs, no blanks at line ends, one line end at the file's end, no C++ line above 120 columns.
std::vector<Finding> CheckWhitespace(const SourceFile& file);

// Lower layers of lib/ never include higher ones (the table is in the source and in lib/DESIGN.md), and each wrapped C
// library is included by its layer alone.
std::vector<Finding> CheckLayers(const SourceFile& file);

// The library never prints, aborts, throws, sleeps, or uses an unbounded or locale-bound C function; locks are
// Abseil's.
std::vector<Finding> CheckBannedCalls(const SourceFile& file);

// Exactly one file of lib/ includes hiredis.
std::vector<Finding> CheckOneHiredis(const std::vector<SourceFile>& files);

// Every field of a struct called ...Options or ...Stats is named in README.md.
std::vector<Finding> CheckDocumented(const std::vector<SourceFile>& files);

// Every source is in a target of its package, and every document and script is named by another file.
std::vector<Finding> CheckDeadFiles(const std::vector<SourceFile>& files);

}  // namespace nearcache::tidy

#endif  // NEARCACHE_TESTS_TIDY_RULES_H_
