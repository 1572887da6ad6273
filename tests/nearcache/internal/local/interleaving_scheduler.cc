#include "tests/nearcache/internal/local/interleaving_scheduler.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "absl/log/check.h"
#include "absl/strings/str_cat.h"

namespace nearcache::internal::local {
namespace {

// makecontext gives its function no pointer.
InterleavingScheduler* scheduler = nullptr;

// Slots of ended fibers, for the next ones.
std::vector<ThreadSlot*>& SpareSlots() {
  static auto* const slots = new std::vector<ThreadSlot*>;
  return *slots;
}

ThreadSlot* TakeSlot() {
  if (SpareSlots().empty()) return &thread_slot_internal::Acquire();
  ThreadSlot* const slot = SpareSlots().back();
  SpareSlots().pop_back();
  return slot;
}

}  // namespace

InterleavingScheduler::InterleavingScheduler(size_t threads, const Granularity& granularity)
    : granularity_(granularity) {
  main_.slot = &ThisThreadSlot();
  for (size_t i = 0; i < threads; ++i) {
    fibers_.push_back(std::make_unique<Fiber>());
    fibers_.back()->stack.reset(new char[kStackBytes]);
    fibers_.back()->slot = TakeSlot();
  }
  thread_slot_internal::this_thread_slot = main_.slot;
  scheduler = this;
  switch_hooks = this;
}

InterleavingScheduler::~InterleavingScheduler() {
  switch_hooks = nullptr;
  scheduler = nullptr;
  for (const std::unique_ptr<Fiber>& fiber : fibers_) SpareSlots().push_back(fiber->slot);
}

void InterleavingScheduler::FiberMain() {
  Fiber* const self = scheduler->current_;
  self->body();
  self->done = true;
  scheduler->Reschedule();
}

void InterleavingScheduler::Run(const std::vector<std::function<void()>>& bodies) {
  CHECK_EQ(bodies.size(), fibers_.size());
  for (size_t i = 0; i < bodies.size(); ++i) {
    Fiber& fiber = *fibers_[i];
    fiber.body = bodies[i];
    fiber.done = false;
    CHECK_EQ(getcontext(&fiber.context), 0);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = kStackBytes;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, &FiberMain, 0);
  }
  depth_ = 0;
  preemptions_ = 0;
  current_ = &main_;
  Reschedule();
  current_ = nullptr;
  CHECK(taken_.empty());
  CHECK_EQ(depth_, choices_.size()) << "the same schedule ran differently";
  ++schedules_;
}

bool InterleavingScheduler::Next() {
  while (!choices_.empty() && choices_.back().taken + 1 == choices_.back().of) choices_.pop_back();
  if (choices_.empty()) return false;
  ++choices_.back().taken;
  return true;
}

std::string InterleavingScheduler::Describe() const {
  std::string text = "schedule ";
  for (const Choice& choice : choices_) absl::StrAppend(&text, choice.taken);
  return text;
}

bool InterleavingScheduler::IsTaken(const void* mutex) const {
  return std::find(taken_.begin(), taken_.end(), mutex) != taken_.end();
}

bool InterleavingScheduler::IsRunnable(const Fiber& fiber) const {
  return !fiber.done && (fiber.wants == nullptr || !IsTaken(fiber.wants));
}

size_t InterleavingScheduler::Choose(size_t of) {
  if (depth_ == choices_.size()) choices_.push_back({0, of});
  CHECK_EQ(choices_[depth_].of, of) << "the same schedule ran differently";
  return choices_[depth_++].taken;
}

// The first choice is always to go on.
InterleavingScheduler::Fiber* InterleavingScheduler::Pick() {
  absl::InlinedVector<Fiber*, 4> candidates;
  const bool can_go_on = current_ != &main_ && IsRunnable(*current_);
  if (can_go_on) candidates.push_back(current_);
  if (!can_go_on || preemptions_ < granularity_.preemptions_max) {
    for (const std::unique_ptr<Fiber>& fiber : fibers_) {
      if (fiber.get() != current_ && IsRunnable(*fiber)) candidates.push_back(fiber.get());
    }
  }
  if (candidates.empty()) {
    for (const std::unique_ptr<Fiber>& fiber : fibers_) CHECK(fiber->done) << "deadlock in " << Describe();
    return &main_;
  }
  Fiber* const picked = candidates.size() == 1 ? candidates[0] : candidates[Choose(candidates.size())];
  if (can_go_on && picked != current_) ++preemptions_;
  return picked;
}

void InterleavingScheduler::SwitchTo(Fiber* fiber) {
  Fiber* const from = current_;
  ++time_;
  current_ = fiber;
  thread_slot_internal::this_thread_slot = fiber->slot;
  CHECK_EQ(swapcontext(&from->context, &fiber->context), 0);
}

void InterleavingScheduler::Reschedule() {
  Fiber* const next = Pick();
  if (next != current_) SwitchTo(next);
}

void InterleavingScheduler::BetweenOperations() {
  if (granularity_.operations) Reschedule();
}

void InterleavingScheduler::At(Switch point) {
  if (current_ == nullptr) return;
  if (hides_readers_) current_->slot->epoch.store(0, std::memory_order_relaxed);
  // Whoever holds the lock looks at what nobody else can change.
  if (point == Switch::kLook && granularity_.look && current_->locks_held == 0) Reschedule();
  if (point == Switch::kPublish && granularity_.publish) Reschedule();
}

void InterleavingScheduler::Lock(const void* mutex) {
  if (current_ == nullptr) return;
  current_->wants = mutex;
  Reschedule();
  current_->wants = nullptr;
  CHECK(!IsTaken(mutex));
  taken_.push_back(mutex);
  ++current_->locks_held;
}

void InterleavingScheduler::Unlock(const void* mutex) {
  if (current_ == nullptr) return;
  taken_.erase(std::find(taken_.begin(), taken_.end(), mutex));
  --current_->locks_held;
  if (granularity_.after_unlock) Reschedule();
}

}  // namespace nearcache::internal::local
