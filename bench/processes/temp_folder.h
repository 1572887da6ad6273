// A private folder below TMPDIR (else /tmp) that is gone, with all that lies in it, when this object is.

#ifndef BENCH_PROCESSES_TEMP_FOLDER_H_
#define BENCH_PROCESSES_TEMP_FOLDER_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace nearcache::bench {

class TempFolder {
 public:
  static absl::StatusOr<std::unique_ptr<TempFolder>> Create();

  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  explicit TempFolder(std::string path) : path_(std::move(path)) {}

  const std::string path_;
};

}  // namespace nearcache::bench

#endif  // BENCH_PROCESSES_TEMP_FOLDER_H_
