// Looking into the tier without leaving a trace: nothing here counts as a read or touches the policy.

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "nearcache/internal/local/discarded.h"
#include "nearcache/internal/local/epoch.h"
#include "nearcache/internal/local/striped_local_tier.h"
#include "nearcache/internal/local/switch_point.h"

namespace nearcache::internal::local {
namespace {

// Retired memory that a step of a walk hands out, beside the entries that it looks at.
constexpr int kCollectedPerStep = 8;

}  // namespace

bool StripedLocalTier::Peek(const HashedKey& key, MonotonicNanos now, EntrySnapshot* snapshot) const {
  EntrySnapshot found;
  {
    const MonotonicNanos lease = state_.LeaseOf(key);
    const EpochSection section;
    const Entry* const entry = StripeOf(key.hash).index().Find(key);
    if (entry == nullptr || !state_.Servable(*entry, state_.Latest(now), lease)) return false;
    found = Stripe::SnapshotOf(entry);
  }
  // Outside of the section: the old one may be the last reference to its block.
  *snapshot = std::move(found);
  return true;
}

void StripedLocalTier::ForEach(absl::FunctionRef<bool(const EntrySnapshot&)> visitor) {
  for (size_t i = 0; i < (size_t{1} << stripe_bits_); ++i) {
    if (!ForEachInStripe(&stripes_[i], visitor)) return;
  }
}

bool StripedLocalTier::ForEachInStripe(Stripe* stripe, absl::FunctionRef<bool(const EntrySnapshot&)> visitor) {
  Stripe::Walk walk;
  absl::flat_hash_set<const void*> seen;  // Addresses alone: one that is used again is of an entry that came meanwhile.
  for (bool more = true; more;) {
    std::vector<EntrySnapshot> found;
    found.reserve(Stripe::kEntriesPerWalkStep);
    {
      Discarded discarded(&state_);
      StripeLock lock(&stripe->mutex());
      more = stripe->WalkSome(&walk, &found);
      stripe->Collect(kCollectedPerStep, &discarded);
      stripe->NoteEndOfHold();
    }
    const MonotonicNanos latest = state_.Latest(state_.options.clock->NowCoarse());
    for (const EntrySnapshot& snapshot : found) {
      if (!seen.insert(snapshot.block).second) continue;
      const auto& entry = *static_cast<const Entry*>(snapshot.block);
      if (state_.Servable(entry, latest) && !visitor(snapshot)) return false;
    }
  }
  return true;
}

// Each stripe is asked for its share; if some have less, the others are asked for more.
std::vector<EntrySnapshot> StripedLocalTier::EndOfOrder(End end, size_t count) {
  const size_t stripes = size_t{1} << stripe_bits_;
  std::vector<std::vector<EntrySnapshot>> found(stripes);
  size_t total = 0;
  bool more = true;
  for (size_t share = count / stripes + 1; more && total < count; share = std::min(2 * share, count)) {
    total = 0;
    more = false;
    for (size_t i = 0; i < stripes; ++i) {
      // What the last round found is let go after the lock.
      std::vector<EntrySnapshot> of_stripe;
      of_stripe.reserve(share);
      {
        const MonotonicNanos latest = state_.Latest(state_.options.clock->NowCoarse());
        StripeLock lock(&stripes_[i].mutex());
        more |= stripes_[i].EndOfOrder(end, share, latest, &of_stripe);
      }
      found[i] = std::move(of_stripe);
      total += found[i].size();
    }
    if (share >= count) break;
  }
  std::vector<EntrySnapshot> merged;
  merged.reserve(std::min(count, total));
  for (size_t rank = 0; merged.size() < std::min(count, total); ++rank) {
    for (size_t i = 0; i < stripes && merged.size() < count; ++i) {
      if (rank < found[i].size()) merged.push_back(std::move(found[i][rank]));
    }
  }
  return merged;
}

KeyReport StripedLocalTier::Explain(const HashedKey& key, MonotonicNanos now) {
  KeyReport report;
  report.stripe = static_cast<int>(StripeIndex(key.hash));
  report.lane = state_.Begin(key, now).lane;
  Stripe& stripe = StripeOf(key.hash);
  {
    StripeLock lock(&stripe.mutex());
    stripe.Report(key, state_.Latest(now), &report);
  }
  report.lane_generation = state_.lanes[report.lane].FillGeneration();
  return report;
}

}  // namespace nearcache::internal::local
