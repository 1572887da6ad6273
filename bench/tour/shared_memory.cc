#include "bench/tour/shared_memory.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "bench/processes/key_space.h"
#include "bench/processes/mailbox.h"
#include "bench/processes/shared_mapping.h"
#include "bench/processes/version_table.h"

namespace nearcache::bench::tour {
namespace {

KeySpace KeysOf(const Setup& setup) { return KeySpace(setup.key_count, setup.slot_count()); }

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
  absl::StatusOr<std::unique_ptr<SharedMapping>> mapping = SharedMapping::Create("nearcache-tour", BytesNeeded(setup));
  if (!mapping.ok()) return mapping.status();
  (*mapping)->At<Header>(0)->setup = setup;
  return absl::WrapUnique(new SharedMemory(*std::move(mapping)));
}

absl::StatusOr<std::unique_ptr<SharedMemory>> SharedMemory::Attach(int descriptor) {
  absl::StatusOr<std::unique_ptr<SharedMapping>> mapping = SharedMapping::Attach(descriptor, sizeof(Header));
  if (!mapping.ok()) return mapping.status();
  return absl::WrapUnique(new SharedMemory(*std::move(mapping)));
}

SharedMemory::SharedMemory(std::unique_ptr<SharedMapping> mapping)
    : mapping_(std::move(mapping)),
      header_(mapping_->At<Header>(0)),
      keys_(KeysOf(header_->setup)),
      workers_(mapping_->At<WorkerBlock>(sizeof(Header))),
      mailboxes_(mapping_->At<Mailbox>(MailboxesOffset(sizeof(Header), header_->setup))),
      versions_(mapping_->At<char>(VersionsOffset(sizeof(Header), header_->setup)), keys_) {}

std::vector<WorkerStatus*> SharedMemory::worker_statuses() {
  std::vector<WorkerStatus*> statuses;
  for (uint32_t i = 0; i < setup().worker_count; ++i) statuses.push_back(&workers_[i].status);
  return statuses;
}

}  // namespace nearcache::bench::tour
