// SHA-1 (FIPS 180-4), for one purpose: the server names a script by the SHA-1 of its text. Nothing here rests on its
// security. Cost: about 5 ns per byte; each script is hashed once per process.

#ifndef NEARCACHE_INTERNAL_REMOTE_SHA1_H_
#define NEARCACHE_INTERNAL_REMOTE_SHA1_H_

#include <string>

#include "absl/strings/string_view.h"

namespace nearcache::internal::remote {

// 40 lower-case hexadecimal digits. Thread-safe.
std::string Sha1Hex(absl::string_view text);

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_SHA1_H_
