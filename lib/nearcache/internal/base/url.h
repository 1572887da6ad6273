// The parts of a URL that names a server:
// `scheme://[user[:password]@]host[:port][/path][?name=value&...]`, after RFC 3986, without
// fragments.
//
// A URL may hold a password, and a badly written one may hold it in the wrong place: a password
// with an unescaped '/',
// '?' or '#' seems to end in the path or the query, and one without its '@' looks like a port. So
// no error quotes the user info, and what follows it is quoted only when it cannot be a part of it.
// An '@' or '#' outside of the user info must be percent-encoded.
//
// Pure functions; thread-safe.

#ifndef NEARCACHE_INTERNAL_BASE_URL_H_
#define NEARCACHE_INTERNAL_BASE_URL_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace nearcache::internal {

// All parts are percent-decoded; '+' stands for itself. Missing parts are empty.
struct Url {
  std::string scheme;  // In lower case.
  std::string user;
  std::string password;
  std::string host;  // A name or an address; IPv6 without its brackets. Not percent-decoded.
  absl::optional<int> port;
  std::string path;  // With its leading slash.
  // In order, names not empty and distinct. A parameter without '=' has an empty value.
  std::vector<std::pair<std::string, std::string>> parameters;
};

// kInvalidArgument naming the part that cannot be read, and how it should look.
absl::StatusOr<Url> ParseUrl(absl::string_view text);

// Nullopt if a '%' is not followed by two hexadecimal digits.
absl::optional<std::string> PercentDecode(absl::string_view text);

}  // namespace nearcache::internal

#endif  // NEARCACHE_INTERNAL_BASE_URL_H_
