#include "bench/processes/shared_mapping.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace nearcache::bench {

// Processes share them by address-free operations only.
static_assert(std::atomic<uint64_t>::is_always_lock_free);
static_assert(std::atomic<uint32_t>::is_always_lock_free);

absl::StatusOr<std::unique_ptr<SharedMapping>> SharedMapping::Create(const char* name, size_t bytes) {
  const int descriptor = memfd_create(name, MFD_CLOEXEC);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, "memfd_create");
  if (ftruncate(descriptor, static_cast<off_t>(bytes)) != 0) {
    const int error = errno;
    close(descriptor);
    return absl::ErrnoToStatus(error, "sizing the shared memory");
  }
  return Map(descriptor, bytes);
}

absl::StatusOr<std::unique_ptr<SharedMapping>> SharedMapping::Attach(int descriptor, size_t bytes_min) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return absl::ErrnoToStatus(errno, "shared memory");
  if (static_cast<size_t>(status.st_size) < bytes_min) {
    return absl::InvalidArgumentError("--memory_fd is not the memory of a run");
  }
  return Map(descriptor, static_cast<size_t>(status.st_size));
}

absl::StatusOr<std::unique_ptr<SharedMapping>> SharedMapping::Map(int descriptor, size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) {
    const int error = errno;
    close(descriptor);
    return absl::ErrnoToStatus(error, "mapping the shared memory");
  }
  return absl::WrapUnique(new SharedMapping(descriptor, memory, bytes));
}

SharedMapping::~SharedMapping() {
  munmap(memory_, bytes_);
  close(descriptor_);
}

}  // namespace nearcache::bench
