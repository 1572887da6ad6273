#include "bench/processes/temp_folder.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>  // NOLINT(build/c++17): the project's floor is C++17.
#include <memory>
#include <string>
#include <system_error>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace nearcache::bench {

absl::StatusOr<std::unique_ptr<TempFolder>> TempFolder::Create() {
  const char* parent = std::getenv("TMPDIR");
  std::string path = absl::StrCat(parent == nullptr ? "/tmp" : parent, "/nearcache-XXXXXX");
  if (mkdtemp(path.data()) == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot make a folder like ", path));
  }
  return absl::WrapUnique(new TempFolder(path));
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace nearcache::bench
