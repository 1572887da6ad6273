// What the command lines of bench/ have in common.

#ifndef BENCH_SUPPORT_FLAG_VALUES_H_
#define BENCH_SUPPORT_FLAG_VALUES_H_

#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace nearcache::bench {

// Remembers the first flag that is out of bounds.
class FlagBounds {
 public:
  template <typename T>
  T InRange(absl::string_view name, T value, T least, T most) {
    if ((value < least || value > most) && status_.ok()) {
      status_ =
          absl::InvalidArgumentError(absl::StrCat("--", name, "=", value, " must be between ", least, " and ", most));
    }
    return value;
  }

  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
};

// A path as the user meant it: `bazel run` changes the folder and says in the environment which one it was called from.
inline std::string PathOfCaller(absl::string_view path) {
  const char* folder = std::getenv("BUILD_WORKING_DIRECTORY");
  if (folder == nullptr || (!path.empty() && path[0] == '/')) return std::string(path);
  return absl::StrCat(folder, "/", path);
}

}  // namespace nearcache::bench

#endif  // BENCH_SUPPORT_FLAG_VALUES_H_
