// Runs two or three threads of a test one at a time, and lets another one go on wherever the code under test allows it
// (switch_point.h): one schedule after the other, depth first, until there is none left.
//
// The threads are fibers on the thread of the test, each with a thread slot of its own, so that the local tier takes
// them for threads: to go from one to the other costs a fraction of a microsecond, and a run can be repeated to the
// step. Stripe mutexes are kept here: who wants one that is taken is not run before it is free.

#ifndef TESTS_NEARCACHE_INTERNAL_LOCAL_INTERLEAVING_SCHEDULER_H_
#define TESTS_NEARCACHE_INTERNAL_LOCAL_INTERLEAVING_SCHEDULER_H_

#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nearcache/internal/base/thread_slot.h"
#include "nearcache/internal/local/switch_point.h"

namespace nearcache::internal::local {

class InterleavingScheduler final : public SwitchHooks {
 public:
  // Where threads are switched. Before a lock is taken they always are.
  struct Granularity {
    bool after_unlock = false;
    bool look = false;     // Inside of look-ups without a lock.
    bool publish = false;  // Between the stores of changes.
    // Between two operations; without it an operation that takes no lock follows the one before.
    bool operations = true;
    // How often a thread that could go on may have to wait instead, in one schedule.
    int preemptions_max = 1'000'000;
  };

  InterleavingScheduler(size_t threads, const Granularity& granularity);
  ~InterleavingScheduler() override;

  // Runs the bodies to their ends, under the present schedule.
  void Run(const std::vector<std::function<void()>>& bodies);

  // On to the next schedule; false if that was the last.
  bool Next();

  // Called by bodies, between their operations.
  void BetweenOperations();
  // Grows with each switch and each call of this.
  uint64_t Time() { return ++time_; }

  size_t schedules() const { return schedules_; }
  // The present schedule, for messages: the choices that were taken.
  std::string Describe() const;

  // --- Sabotage, to see that the checks notice: readers announce no epoch.
  void HideReaders() { hides_readers_ = true; }

  void At(Switch point) override;
  void Lock(const void* mutex) override;
  void Unlock(const void* mutex) override;

 private:
  static constexpr size_t kStackBytes = size_t{256} << 10;

  struct Fiber {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    ThreadSlot* slot = nullptr;
    std::function<void()> body;
    bool done = true;
    int locks_held = 0;
    const void* wants = nullptr;
  };

  // One point at which more than one thread could have gone on.
  struct Choice {
    size_t taken = 0;
    size_t of = 0;
  };

  static void FiberMain();
  bool IsRunnable(const Fiber& fiber) const;
  bool IsTaken(const void* mutex) const;
  void Reschedule();
  Fiber* Pick();
  size_t Choose(size_t of);
  void SwitchTo(Fiber* fiber);

  const Granularity granularity_;
  bool hides_readers_ = false;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  Fiber main_;
  Fiber* current_ = nullptr;  // Null outside of Run.
  std::vector<const void*> taken_;
  std::vector<Choice> choices_;
  size_t depth_ = 0;
  int preemptions_ = 0;
  uint64_t time_ = 0;
  size_t schedules_ = 0;
};

}  // namespace nearcache::internal::local

#endif  // TESTS_NEARCACHE_INTERNAL_LOCAL_INTERLEAVING_SCHEDULER_H_
