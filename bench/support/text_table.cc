#include "bench/support/text_table.h"

#include <algorithm>
#include <cstddef>

namespace nearcache::bench {
namespace {

constexpr size_t kGap = 2;

}  // namespace

std::string TextTable::ToString() const {
  std::vector<size_t> widths;
  for (const std::vector<std::string>& row : rows_) {
    if (row.size() > widths.size()) widths.resize(row.size());
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const std::vector<std::string>& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string fill(widths[i] - row[i].size(), ' ');
      if (i > 0) text.append(kGap, ' ');
      if (i == 0) {
        text += row[i];
        if (row.size() > 1) text += fill;
      } else {
        text += fill + row[i];
      }
    }
    text += '\n';
  }
  return text;
}

}  // namespace nearcache::bench
