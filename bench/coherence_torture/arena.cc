#include "bench/coherence_torture/arena.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "bench/coherence_torture/sightings.h"
#include "bench/processes/key_space.h"
#include "bench/processes/mailbox.h"
#include "bench/processes/shared_mapping.h"
#include "bench/processes/version_table.h"

namespace nearcache::bench::torture {
namespace {

// One thread of each worker writes.
KeySpace KeysOf(const Setup& setup) { return KeySpace(setup.key_count, setup.worker_count); }

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
  absl::StatusOr<std::unique_ptr<SharedMapping>> mapping =
      SharedMapping::Create("nearcache-torture", Offsets(sizeof(Header), setup).end);
  if (!mapping.ok()) return mapping.status();
  (*mapping)->At<Header>(0)->setup = setup;
  return absl::WrapUnique(new Arena(*std::move(mapping)));
}

absl::StatusOr<std::unique_ptr<Arena>> Arena::Attach(int descriptor) {
  absl::StatusOr<std::unique_ptr<SharedMapping>> mapping = SharedMapping::Attach(descriptor, sizeof(Header));
  if (!mapping.ok()) return mapping.status();
  return absl::WrapUnique(new Arena(*std::move(mapping)));
}

Arena::Arena(std::unique_ptr<SharedMapping> mapping)
    : mapping_(std::move(mapping)),
      header_(mapping_->At<Header>(0)),
      keys_(KeysOf(header_->setup)),
      workers_(mapping_->At<WorkerBlock>(Offsets(sizeof(Header), header_->setup).workers)),
      mailboxes_(mapping_->At<Mailbox>(Offsets(sizeof(Header), header_->setup).mailboxes)),
      sightings_(mapping_->At<char>(Offsets(sizeof(Header), header_->setup).sightings), header_->setup.start_nanos),
      versions_(mapping_->At<char>(Offsets(sizeof(Header), header_->setup).versions), keys_) {}

std::vector<WorkerStatus*> Arena::worker_statuses() {
  std::vector<WorkerStatus*> statuses;
  for (uint32_t i = 0; i < setup().worker_count; ++i) statuses.push_back(&workers_[i].status);
  return statuses;
}

}  // namespace nearcache::bench::torture
