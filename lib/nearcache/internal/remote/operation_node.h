// An operation on its way through the engine, and the lists it waits in.
//
// Place of an operation, and who moves it:
//   submitted -> pending    the loop takes it from the lock-free list
//   submitted -> in flight  its caller was alone and wrote it to the socket itself (writer_role.h)
//   pending   -> in flight  its bytes are appended to the connection's write chain
//   in flight -> (gone)     all its replies came
//   in flight -> tombstone  its deadline passed: `done` was called, the replies are still to come and will be dropped
//   in flight -> pending    the connection was lost before a byte of it had left, or it may be sent again
//   any       -> (gone)     completed otherwise
//
// A node is owned by the list it is in, and belongs to a pool (operation_pool.h) afterwards. Until it is submitted it
// is its caller's; from then on everything but OnRefused belongs to the loop's thread.

#ifndef NEARCACHE_INTERNAL_REMOTE_OPERATION_NODE_H_
#define NEARCACHE_INTERNAL_REMOTE_OPERATION_NODE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/remote/mpsc_queue.h"
#include "nearcache/internal/remote/operation.h"
#include "nearcache/internal/remote/timer_wheel.h"

namespace nearcache::internal::remote {

// What can be pushed to the engine from any thread.
class Submission : public MpscLink {
 public:
  virtual ~Submission() = default;
  // The loop took it; it owns itself from here on.
  virtual void OnTaken() = 0;
  // The engine is shut down; as above, on any thread.
  virtual void OnRefused() = 0;
};

class OperationNode;

class OperationOwner {
 public:
  virtual void OnOperationTaken(OperationNode* node) = 0;
  virtual void OnOperationRefused(OperationNode* node) = 0;
  virtual void OnDeadline(OperationNode* node) = 0;

 protected:
  virtual ~OperationOwner() = default;
};

class OperationNode final : public Submission, public Timer {
 public:
  explicit OperationNode(OperationOwner* owner) : owner_(owner) {}

  // As if it were new, except that a buffer of at most `bytes_kept_max` stays for the next operation.
  void Reset(size_t bytes_kept_max);

  void OnTaken() override { owner_->OnOperationTaken(this); }
  void OnRefused() override { owner_->OnOperationRefused(this); }
  void OnTimer() override { owner_->OnDeadline(this); }

  Operation operation;
  OperationResult result;  // As far as it is known.
  int answered = 0;        // Commands whose replies came.
  bool own = false;        // The engine's own (handshake, PING): no budget, never sent again.
  bool foreign = false;    // Submitted by another thread than the loop's.
  bool in_flight = false;
  bool tombstone = false;
  bool judged = false;          // The breaker knows how it went.
  bool left_process = false;    // Of a lost connection: bytes of it had been sent.
  bool maybe_executed = false;  // So it was on an earlier connection.
  int resends = 0;
  uint64_t stream_offset = 0;   // Of its first byte, on the connection it is in flight on.
  MonotonicNanos taken_at = 0;  // By the loop, or by the caller that wrote it.
  MonotonicNanos sent_at = 0;

  // Of OperationPool: 1 and up, 0 for a node of the heap; and the node below it while it lies there.
  uint32_t pool_index = 0;
  std::atomic<uint32_t> pool_next{0};

 private:
  friend class OperationList;

  template <typename Vector>
  static void Empty(Vector* vector) {
    vector->clear();
    vector->shrink_to_fit();  // What it holds itself stays.
  }

  OperationOwner* const owner_;
  OperationNode* previous_ = nullptr;
  OperationNode* next_ = nullptr;
};

inline void OperationNode::Reset(size_t bytes_kept_max) {
  // One by one: to assign new ones costs several times as much.
  operation.bytes.clear();
  // By swapping: an assignment might keep the capacity of its target.
  if (operation.bytes.capacity() > bytes_kept_max) std::string().swap(operation.bytes);
  operation.reply_count = 1;
  Empty(&operation.reply_types);
  operation.deadline = kNever;
  operation.command_class = CommandClass::kControl;
  operation.resends_max = 0;
  operation.done = nullptr;
  result.status = absl::OkStatus();
  result.unknown = false;
  Empty(&result.replies);
  result.sent_at = 0;
  answered = 0;
  own = foreign = in_flight = tombstone = judged = left_process = maybe_executed = false;
  resends = 0;
  stream_offset = 0;
  taken_at = sent_at = 0;
}

// Doubly linked, intrusive. Does not delete what is left in it.
class OperationList {
 public:
  OperationList() = default;
  OperationList(OperationList&& other) noexcept
      : front_(std::exchange(other.front_, nullptr)),
        back_(std::exchange(other.back_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  OperationList& operator=(OperationList&& other) noexcept {
    std::swap(front_, other.front_);
    std::swap(back_, other.back_);
    std::swap(size_, other.size_);
    return *this;
  }

  bool empty() const { return front_ == nullptr; }
  size_t size() const { return size_; }
  OperationNode* front() const { return front_; }

  void PushBack(OperationNode* node) {
    node->previous_ = back_;
    node->next_ = nullptr;
    (back_ == nullptr ? front_ : back_->next_) = node;
    back_ = node;
    ++size_;
  }

  void Remove(OperationNode* node) {
    (node->previous_ == nullptr ? front_ : node->previous_->next_) = node->next_;
    (node->next_ == nullptr ? back_ : node->next_->previous_) = node->previous_;
    node->previous_ = node->next_ = nullptr;
    --size_;
  }

  OperationNode* PopFront() {
    OperationNode* const node = front_;
    if (node != nullptr) Remove(node);
    return node;
  }

  // Puts all of `others` before the first one here.
  void PrependAll(OperationList others) {
    if (others.empty()) return;
    if (empty()) {
      *this = std::move(others);
      return;
    }
    others.back_->next_ = front_;
    front_->previous_ = others.back_;
    front_ = std::exchange(others.front_, nullptr);
    others.back_ = nullptr;
    size_ += std::exchange(others.size_, 0);
  }

 private:
  OperationNode* front_ = nullptr;
  OperationNode* back_ = nullptr;
  size_t size_ = 0;
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_OPERATION_NODE_H_
