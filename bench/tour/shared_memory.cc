#include "bench/tour/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/processes/key_space.h"
#include "bench/processes/mailbox.h"
#include "bench/processes/version_table.h"

namespace nearcache::bench::tour {
namespace {

// Processes share them by address-free operations only.
static_assert(std::atomic<uint64_t>::is_always_lock_free);
static_assert(std::atomic<WorkerState>::is_always_lock_free);

KeySpace KeysOf(const Setup& setup) { return KeySpace(setup.key_count, setup.slot_count()); }

size_t RoundUpToLine(size_t bytes) { return (bytes + 63) / 64 * 64; }

template <typename T>
T* At(void* memory, size_t offset) {
  return reinterpret_cast<T*>(static_cast<char*>(memory) + offset);
}

size_t MailboxesOffset(size_t header_bytes, const Setup& setup) {
  return header_bytes + setup.worker_count * sizeof(WorkerBlock);
}

size_t VersionsOffset(size_t header_bytes, const Setup& setup) {
  return MailboxesOffset(header_bytes, setup) + RoundUpToLine(setup.slot_count() * sizeof(Mailbox));
}

}  // namespace

size_t SharedMemory::BytesNeeded(const Setup& setup) {
  return VersionsOffset(sizeof(Header), setup) + VersionTable::BytesNeeded(KeysOf(setup));
}

absl::StatusOr<std::unique_ptr<SharedMemory>> SharedMemory::Create(const Setup& setup) {
  const int descriptor = memfd_create("nearcache-tour", MFD_CLOEXEC);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, "memfd_create");
  const size_t bytes = BytesNeeded(setup);
  if (ftruncate(descriptor, static_cast<off_t>(bytes)) != 0) {
    const int error = errno;
    close(descriptor);
    return absl::ErrnoToStatus(error, "sizing the shared memory");
  }
  return Map(descriptor, bytes, &setup);
}

absl::StatusOr<std::unique_ptr<SharedMemory>> SharedMemory::Attach(int descriptor) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return absl::ErrnoToStatus(errno, "shared memory");
  if (static_cast<size_t>(status.st_size) < sizeof(Header)) {
    return absl::InvalidArgumentError("--memory_fd is not the memory of a tour");
  }
  return Map(descriptor, static_cast<size_t>(status.st_size), nullptr);
}

// Takes over the descriptor. `setup` is written into fresh memory, or null when it is there already.
absl::StatusOr<std::unique_ptr<SharedMemory>> SharedMemory::Map(int descriptor, size_t bytes, const Setup* setup) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) {
    const int error = errno;
    close(descriptor);
    return absl::ErrnoToStatus(error, "mapping the shared memory");
  }
  if (setup != nullptr) static_cast<Header*>(memory)->setup = *setup;
  return absl::WrapUnique(new SharedMemory(descriptor, memory, bytes));
}

SharedMemory::SharedMemory(int descriptor, void* memory, size_t bytes)
    : descriptor_(descriptor),
      memory_(memory),
      bytes_(bytes),
      header_(static_cast<Header*>(memory)),
      keys_(KeysOf(header_->setup)),
      workers_(At<WorkerBlock>(memory, sizeof(Header))),
      mailboxes_(At<Mailbox>(memory, MailboxesOffset(sizeof(Header), header_->setup))),
      versions_(At<char>(memory, VersionsOffset(sizeof(Header), header_->setup)), keys_) {}

SharedMemory::~SharedMemory() {
  munmap(memory_, bytes_);
  close(descriptor_);
}

}  // namespace nearcache::bench::tour
