// Stores and reads one value, in this process alone: no server, no flags.

#include <iostream>
#include <memory>

#include "nearcache/cache.h"

int main() {
  absl::StatusOr<std::unique_ptr<nearcache::Cache>> cache = nearcache::Cache::Open(nearcache::Options());
  if (!cache.ok()) {
    std::cerr << cache.status() << "\n";
    return 1;
  }
  absl::Status stored = (*cache)->Set("greeting", "hello from a WORKSPACE");
  absl::StatusOr<nearcache::Value> value = (*cache)->Get("greeting");
  if (!stored.ok() || !value.ok()) {
    std::cerr << stored << ", " << value.status() << "\n";
    return 1;
  }
  std::cout << value->view() << "\n";
}
