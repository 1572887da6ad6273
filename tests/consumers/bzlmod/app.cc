// Loads a value once and reads it again from memory: no server, no flags.

#include <iostream>
#include <memory>
#include <string>

#include "nearcache/cache.h"

int main() {
  auto cache = nearcache::Cache::Open(nearcache::Options());
  if (!cache.ok()) {
    std::cerr << cache.status() << "\n";
    return 1;
  }
  int loads = 0;
  for (int i = 0; i < 2; ++i) {
    absl::StatusOr<nearcache::Value> value =
        (*cache)->GetOrLoad("greeting", [&loads](absl::string_view) -> absl::StatusOr<std::string> {
          ++loads;
          return "hello from a module";
        });
    if (!value.ok() || loads != 1) return 1;
    std::cout << value->view() << "\n";
  }
}
