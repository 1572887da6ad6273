#include "bench/coherence_torture/arena.h"

#include <fcntl.h>
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
#include "bench/coherence_torture/sightings.h"
#include "bench/processes/key_space.h"
#include "bench/processes/mailbox.h"
#include "bench/processes/version_table.h"

namespace nearcache::bench::torture {
namespace {

// Processes share them by address-free operations only.
static_assert(std::atomic<uint64_t>::is_always_lock_free);
static_assert(std::atomic<WorkerState>::is_always_lock_free);

// One thread of each worker writes.
KeySpace KeysOf(const Setup& setup) { return KeySpace(setup.key_count, setup.worker_count); }

size_t RoundUpToLine(size_t bytes) { return (bytes + 63) / 64 * 64; }

char* At(void* memory, size_t offset) { return static_cast<char*>(memory) + offset; }

// Where each part lies, one behind the other.
struct Offsets {
  Offsets(size_t header_bytes, const Setup& setup) {
    workers = RoundUpToLine(header_bytes);
    mailboxes = workers + setup.worker_count * sizeof(WorkerBlock);
    sightings = mailboxes + RoundUpToLine(setup.worker_count * sizeof(Mailbox));
    versions = sightings + RoundUpToLine(Sightings::BytesNeeded(setup.key_count));
    end = versions + VersionTable::BytesNeeded(KeysOf(setup));
  }
  size_t workers;
  size_t mailboxes;
  size_t sightings;
  size_t versions;
  size_t end;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Arena>> Arena::Create(const Setup& setup) {
  const int descriptor = memfd_create("nearcache-torture", MFD_CLOEXEC);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, "memfd_create");
  const size_t bytes = Offsets(sizeof(Header), setup).end;
  if (ftruncate(descriptor, static_cast<off_t>(bytes)) != 0) {
    const int error = errno;
    close(descriptor);
    return absl::ErrnoToStatus(error, "sizing the shared memory");
  }
  return Map(descriptor, bytes, &setup);
}

absl::StatusOr<std::unique_ptr<Arena>> Arena::Attach(int descriptor) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return absl::ErrnoToStatus(errno, "shared memory");
  if (static_cast<size_t>(status.st_size) < sizeof(Header)) {
    return absl::InvalidArgumentError("--memory_fd is not the memory of a run");
  }
  return Map(descriptor, static_cast<size_t>(status.st_size), nullptr);
}

// Takes over the descriptor. `setup` is written into fresh memory, or null when it is there already.
absl::StatusOr<std::unique_ptr<Arena>> Arena::Map(int descriptor, size_t bytes, const Setup* setup) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) {
    const int error = errno;
    close(descriptor);
    return absl::ErrnoToStatus(error, "mapping the shared memory");
  }
  if (setup != nullptr) static_cast<Header*>(memory)->setup = *setup;
  return absl::WrapUnique(new Arena(descriptor, memory, bytes));
}

Arena::Arena(int descriptor, void* memory, size_t bytes)
    : descriptor_(descriptor),
      memory_(memory),
      bytes_(bytes),
      header_(static_cast<Header*>(memory)),
      keys_(KeysOf(header_->setup)),
      workers_(reinterpret_cast<WorkerBlock*>(At(memory, Offsets(sizeof(Header), header_->setup).workers))),
      mailboxes_(reinterpret_cast<Mailbox*>(At(memory, Offsets(sizeof(Header), header_->setup).mailboxes))),
      sightings_(At(memory, Offsets(sizeof(Header), header_->setup).sightings), header_->setup.start_nanos),
      versions_(At(memory, Offsets(sizeof(Header), header_->setup).versions), keys_) {}

Arena::~Arena() {
  munmap(memory_, bytes_);
  close(descriptor_);
}

}  // namespace nearcache::bench::torture
