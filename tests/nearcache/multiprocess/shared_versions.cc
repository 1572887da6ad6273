#include "tests/nearcache/multiprocess/shared_versions.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace nearcache::testing {
namespace {

// Atomics in memory that two processes map, at addresses that differ.
static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<int64_t>::is_always_lock_free);

constexpr size_t kHeaderSize = 4096;

size_t FillerSize(uint64_t version) { return version * 37 % 3000; }

}  // namespace

size_t SharedVersions::Size() { return kHeaderSize + kKeys * 8 + kKeys * kVersionsMax * 8; }

std::unique_ptr<SharedVersions> SharedVersions::Map(const std::string& path, bool create) {
  const int file = ::open(path.c_str(), create ? O_RDWR | O_CREAT | O_EXCL : O_RDWR, 0600);
  if (file < 0) return nullptr;
  // A new file reads as zeros, which is what all of this begins with.
  if (create && ::ftruncate(file, static_cast<off_t>(Size())) != 0) return nullptr;
  void* const memory = ::mmap(nullptr, Size(), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (memory == MAP_FAILED) return nullptr;
  auto versions = std::make_unique<SharedVersions>();
  char* const bytes = static_cast<char*>(memory);
  versions->memory_ = memory;
  versions->totals_ = reinterpret_cast<Totals*>(bytes);
  versions->stop_ = reinterpret_cast<std::atomic<bool>*>(bytes + 1024);
  versions->begun_ = reinterpret_cast<std::atomic<uint64_t>*>(bytes + kHeaderSize);
  versions->acknowledged_at_ = reinterpret_cast<std::atomic<int64_t>*>(bytes + kHeaderSize + kKeys * 8);
  return versions;
}

SharedVersions::~SharedVersions() {
  if (memory_ != nullptr) ::munmap(memory_, Size());
}

void SharedVersions::NoteAcknowledged(size_t key, uint64_t version, int64_t now) {
  acknowledged_at_[key * kVersionsMax + version].store(now, std::memory_order_release);
}

int64_t SharedVersions::StaleNanos(size_t key, uint64_t version, int64_t read_began) const {
  // The first acknowledged one behind it replaced it; those between whose outcome is unknown give no time of their own.
  const uint64_t last = std::min<uint64_t>(begun_[key].load(), kVersionsMax - 1);
  int64_t replaced_at = 0;
  for (uint64_t later = version + 1; later <= last; ++later) {
    const int64_t at = acknowledged_at_[key * kVersionsMax + later].load(std::memory_order_acquire);
    if (at != 0 && (replaced_at == 0 || at < replaced_at)) replaced_at = at;
    if (at != 0) break;  // One writer: later ones were acknowledged later.
  }
  return replaced_at == 0 || replaced_at >= read_began ? 0 : read_began - replaced_at;
}

int64_t SharedNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::string MakeVersionedValue(size_t key, uint64_t version) {
  return absl::StrCat(key, ":", version, ":", std::string(FillerSize(version), static_cast<char>('a' + version % 26)),
                      ":", key, ":", version);
}

uint64_t ParseVersionedValue(size_t key, absl::string_view value) {
  const std::vector<absl::string_view> parts = absl::StrSplit(value, absl::MaxSplits(':', 2));
  uint64_t version = 0;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[1], &version)) return 0;
  return value == MakeVersionedValue(key, version) ? version : 0;
}

}  // namespace nearcache::testing
