// The names that one namespace uses in Redis: of its data keys, of its metadata and of its channel.
// lib/FORMATS.md describes them and says why no two of them can ever be the same.
//
//   prefix:version:key                       data, as django-redis lays keys out
//   prefix:nearcache:lane                    the lane register, 16 bytes: id of the last operation
//   prefix:nearcache:epoch                   the namespace's epoch, 16 bytes
//   prefix:nearcache:missing                 never exists; what heartbeats and scripts unlink to
//   ask "may I write?" prefix:nearcache:DATABASE:invalidate     the channel; channels know no
//   databases, so its name carries the number
//
// Immutable after construction; thread-safe.

#ifndef NEARCACHE_INTERNAL_BASE_KEY_SPACE_H_
#define NEARCACHE_INTERNAL_BASE_KEY_SPACE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace nearcache::internal {

inline constexpr size_t kKeyPrefixBytesMax = 128;
inline constexpr int64_t kKeyVersionMax = 2147483647;

// Ok if data keys and metadata of a namespace of this prefix can collide with nothing of a
// namespace of any other prefix that passes, else kInvalidArgument with `field` and the reason:
// longer than kKeyPrefixBytesMax; a space, control character or brace; or a part behind a colon
// that is a number or "nearcache", so that the prefix looks like the beginning of another
// namespace's key. May be empty.
absl::Status CheckKeyPrefix(absl::string_view field, absl::string_view prefix);

class KeySpace {
 public:
  // REQUIRES: CheckKeyPrefix(prefix).ok(), 0 <= version <= kKeyVersionMax, database >= 0
  KeySpace(absl::string_view prefix, int64_t version, int database);

  // One allocation.
  std::string DataKey(absl::string_view key) const;

  // The user's key inside a data key of this prefix and version; nullopt for any other name. Points
  // into `data_key`.
  absl::optional<absl::string_view> UserKey(absl::string_view data_key) const;

  const std::string& lane_key() const { return lane_key_; }
  const std::string& epoch_key() const { return epoch_key_; }
  const std::string& missing_key() const { return missing_key_; }
  const std::string& channel() const { return channel_; }

 private:
  const std::string data_prefix_;
  const std::string lane_key_;
  const std::string epoch_key_;
  const std::string missing_key_;
  const std::string channel_;
};

}  // namespace nearcache::internal

#endif  // NEARCACHE_INTERNAL_BASE_KEY_SPACE_H_
