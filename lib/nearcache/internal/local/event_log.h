// What a flight or a write in progress knows of the events on its key (mechanism M6 of the protocol).
//
// Its value may be stored only if all events since it began carry that value's own id. Two events with different ids
// make it void for good, whatever comes later: nobody can tell which of them is newer. An event without an id (a
// stranger's write, a reply that found nothing) can be told from no other one and voids at once.

#ifndef NEARCACHE_INTERNAL_LOCAL_EVENT_LOG_H_
#define NEARCACHE_INTERNAL_LOCAL_EVENT_LOG_H_

#include "nearcache/internal/base/operation_id.h"

namespace nearcache::internal::local {

// A plain value; guarded by the stripe's mutex.
class EventLog {
 public:
  void Note(OperationTag id) {
    if (none()) {
      only_ = id;
      void_ = id.empty();
    } else if (only_ != id) {
      void_ = true;
    }
  }

  void Void() { void_ = true; }

  // No event at all so far.
  bool none() const { return !void_ && only_.empty(); }
  // Nothing can be stored any more.
  bool is_void() const { return void_; }
  // Whether a value with this id may be stored.
  bool Allows(OperationTag id) const { return none() || (!void_ && only_ == id); }

 private:
  OperationTag only_;
  bool void_ = false;
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_EVENT_LOG_H_
