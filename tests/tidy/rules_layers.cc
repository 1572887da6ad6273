#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "tests/tidy/rules.h"

namespace nearcache::tidy {
namespace {

// A folder of lib/nearcache/internal/, with the folders that its files may include beside its own.
struct Layer {
  const char* name;
  std::vector<std::string> may_use;
};

// `conductor` composes the others and may use all of them, as may everything outside internal/.
const std::vector<Layer>& Layers() {
  static const std::vector<Layer>* const layers = new std::vector<Layer>{
      {"base", {}},
      {"codec", {"base"}},
      {"local", {"base"}},
      {"metrics", {"base"}},
      {"remote", {"base", "metrics"}},
      {"coherence", {"base", "local", "metrics", "remote"}},
      {"conductor", {"base", "codec", "coherence", "local", "metrics", "remote"}},
  };
  return *layers;
}

// Public headers that are vocabulary: any layer above base may use them, since they build on base alone.
const char* const kVocabulary[] = {"nearcache/value.h", "nearcache/executor.h", "nearcache/removal.h",
                                   "nearcache/remote_event.h"};

// Headers of C libraries and the folders of lib/nearcache/ that wrap them.
struct Wrapped {
  const char* header_prefix;
  std::vector<std::string> folders;
};

const std::vector<Wrapped>& WrappedLibraries() {
  static const std::vector<Wrapped>* const wrapped = new std::vector<Wrapped>{
      {"hiredis/", {"internal/remote/", "tls/"}},
      {"xxhash.h", {"internal/base/", "internal/codec/"}},
      {"zstd.h", {"internal/codec/"}},
      {"zdict.h", {"internal/codec/"}},
      {"openssl/", {"tls/"}},
  };
  return *wrapped;
}

constexpr absl::string_view kInternal = "nearcache/internal/";

std::string LayerOf(absl::string_view path) {
  if (!absl::ConsumePrefix(&path, kInternal)) return "";
  return std::string(path.substr(0, path.find('/')));
}

bool Contains(const std::vector<std::string>& names, absl::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Why `layer` must not include `path`, or nothing if it may.
std::string Objection(const Layer& layer, absl::string_view path) {
  if (!absl::StartsWith(path, "nearcache/")) return "";
  const std::string used = LayerOf(path);
  if (used == layer.name || (!used.empty() && Contains(layer.may_use, used))) return "";
  const absl::string_view name = layer.name;
  if (used.empty()) {
    const bool vocabulary = std::count(std::begin(kVocabulary), std::end(kVocabulary), path) > 0;
    if ((vocabulary && name != "base") || name == "conductor") return "";
    return absl::StrCat("layer ", name, " must not include the public header ", path, ": move what it needs to base");
  }
  const std::string allowed = layer.may_use.empty() ? "nothing below it" : absl::StrJoin(layer.may_use, ", ");
  return absl::StrCat("layer ", name, " may use ", allowed, ", but not ", used,
                      ": pass what it needs in from above, or move it down");
}

// Why lib/nearcache/`folder_and_name` must not include `path` of a C library.
std::string ObjectionToWrapped(absl::string_view folder_and_name, absl::string_view path) {
  for (const Wrapped& wrapped : WrappedLibraries()) {
    if (!absl::StartsWith(path, wrapped.header_prefix)) continue;
    for (const std::string& folder : wrapped.folders) {
      if (absl::StartsWith(folder_and_name, folder)) return "";
    }
    return absl::StrCat(path, " belongs to ", absl::StrJoin(wrapped.folders, " and "), ": use the wrapper there");
  }
  return "";
}

}  // namespace

std::vector<Finding> CheckLayers(const SourceFile& file) {
  std::vector<Finding> findings;
  absl::string_view path = file.path;
  if (!file.IsCpp() || !absl::ConsumePrefix(&path, "lib/")) return findings;
  const std::string name = LayerOf(path);
  const auto layer =
      std::find_if(Layers().begin(), Layers().end(), [&](const Layer& candidate) { return candidate.name == name; });
  if (!name.empty() && layer == Layers().end()) {
    return {{file.path, 1,
             absl::StrCat("unknown layer internal/", name, ": give it a line in tests/tidy/rules_layers.cc")}};
  }
  for (const Include& include : Includes(file)) {
    std::string objection = name.empty() ? "" : Objection(*layer, include.path);
    if (objection.empty()) objection = ObjectionToWrapped(absl::StripPrefix(path, "nearcache/"), include.path);
    if (!objection.empty()) findings.push_back({file.path, include.line, objection});
  }
  return findings;
}

std::vector<Finding> CheckOneHiredis(const std::vector<SourceFile>& files) {
  std::vector<Finding> users;
  for (const SourceFile& file : files) {
    if (!file.IsCpp() || !absl::StartsWith(file.path, "lib/")) continue;
    for (const Include& include : Includes(file)) {
      if (!absl::StartsWith(include.path, "hiredis/")) continue;
      users.push_back({file.path, include.line, ""});
      break;
    }
  }
  if (users.size() == 1) return {};
  if (users.empty()) return {{"lib", 0, "no file includes hiredis any more: drop the dependency, or this rule"}};
  for (Finding& user : users) {
    user.message = absl::StrCat(users.size(), " files include hiredis; exactly one may: use our own types");
  }
  return users;
}

}  // namespace nearcache::tidy
