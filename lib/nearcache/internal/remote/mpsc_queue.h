// A lock-free list: many threads push, one takes everything at once.
//
// Intrusive, so pushing never allocates. A stack inside; TakeAll turns it round, so that what one thread pushed comes
// out in the order in which it was pushed. Push: one compare-and-swap; TakeAll: one exchange, linear in what was there.

#ifndef NEARCACHE_INTERNAL_REMOTE_MPSC_QUEUE_H_
#define NEARCACHE_INTERNAL_REMOTE_MPSC_QUEUE_H_

#include <atomic>

namespace nearcache::internal::remote {

struct MpscLink {
  MpscLink* mpsc_next = nullptr;
};

class MpscQueue {
 public:
  // Adds `link`. False, and nothing is added, after Close. Sequentially consistent with empty(): a consumer that
  // announces that it will sleep and then finds the queue empty will be seen asleep by the next Push.
  bool Push(MpscLink* link) {
    MpscLink* head = head_.load(std::memory_order_relaxed);
    do {
      if (head == &closed_) return false;
      link->mpsc_next = head;
    } while (!head_.compare_exchange_weak(head, link, std::memory_order_seq_cst, std::memory_order_relaxed));
    return true;
  }

  bool empty() const {
    const MpscLink* const head = head_.load(std::memory_order_seq_cst);
    return head == nullptr || head == &closed_;
  }

  // Everything, oldest first, linked through mpsc_next. REQUIRES: the consumer's thread, and not closed.
  MpscLink* TakeAll() { return Reverse(head_.exchange(nullptr, std::memory_order_acquire)); }

  // Refuses all further Pushes and takes what is there; null if closed before. Any thread.
  MpscLink* Close() {
    MpscLink* const head = head_.exchange(&closed_, std::memory_order_acq_rel);
    return head == &closed_ ? nullptr : Reverse(head);
  }

 private:
  static MpscLink* Reverse(MpscLink* link) {
    MpscLink* reversed = nullptr;
    while (link != nullptr) {
      MpscLink* const next = link->mpsc_next;
      link->mpsc_next = reversed;
      reversed = link;
      link = next;
    }
    return reversed;
  }

  MpscLink closed_;  // Its address marks a closed queue.
  std::atomic<MpscLink*> head_{nullptr};
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_MPSC_QUEUE_H_
