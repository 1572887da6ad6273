// A table for people: columns as wide as their widest cell, the first one flush left, the others flush right.

#ifndef BENCH_SUPPORT_TEXT_TABLE_H_
#define BENCH_SUPPORT_TEXT_TABLE_H_

#include <string>
#include <utility>
#include <vector>

namespace nearcache::bench {

class TextTable {
 public:
  explicit TextTable(std::vector<std::string> heading) { AddRow(std::move(heading)); }

  // Rows may be shorter than the heading; missing cells are empty.
  void AddRow(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  // With a line end after each row.
  std::string ToString() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace nearcache::bench

#endif  // BENCH_SUPPORT_TEXT_TABLE_H_
