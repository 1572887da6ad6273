#include "nearcache/internal/base/operation_id.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "absl/strings/str_format.h"
#include "nearcache/internal/base/little_endian.h"

namespace nearcache::internal {

std::string OperationId::ToBytes() const {
  std::string bytes(kWireSize, '\0');
  StoreLittleEndian64(bytes.data(), nonce);
  StoreLittleEndian64(bytes.data() + 8, counter);
  return bytes;
}

absl::optional<OperationId> OperationId::FromBytes(absl::string_view bytes) {
  if (bytes.size() != kWireSize) return absl::nullopt;
  return OperationId{LoadLittleEndian64(bytes.data()), LoadLittleEndian64(bytes.data() + 8)};
}

std::string OperationId::ToString() const { return absl::StrFormat("%016x%016x", nonce, counter); }

std::string OperationTag::ToString() const { return absl::StrFormat("%016x", value_); }

uint64_t OperationIdSource::RandomNonce() {
  uint64_t nonce = 0;
  while (nonce == 0) {
    if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce)) {
      // No entropy source (a broken sandbox): the time and the process still make a repetition very unlikely.
      timespec time;
      clock_gettime(CLOCK_REALTIME, &time);
      nonce = (static_cast<uint64_t>(time.tv_nsec) << 32) ^ static_cast<uint64_t>(time.tv_sec) ^
              (static_cast<uint64_t>(getpid()) << 48);
    }
  }
  return nonce;
}

}  // namespace nearcache::internal
