#include "nearcache/internal/local/entry_heap.h"

#include <pthread.h>

#include <algorithm>
#include <new>
#include <thread>

#include "absl/base/config.h"
#include "absl/base/optimization.h"
#include "nearcache/internal/base/thread_slot.h"

namespace nearcache::internal::local {
namespace {

constexpr size_t kStep = 16;
// Up to here each multiple of kStep is a class of its own; above, the largest blocks of which one more does not fit.
constexpr size_t kEvenStepsMax = 704;
constexpr size_t kEvenClasses = kEvenStepsMax / kStep;
constexpr size_t kBlocksMin = kSpanBytes / EntryHeap::kSmallBytesMax;
constexpr size_t kBlocksMax = kSpanBytes / (kEvenStepsMax + kStep);

struct SizeClass {
  uint16_t block_bytes = 0;
  uint16_t blocks = 0;  // In a span.
  uint16_t charge = 0;
};

constexpr SizeClass Describe(size_t block_bytes) {
  const size_t blocks = kSpanBytes / block_bytes;
  const size_t charge = (kSpanBytes + blocks - 1) / blocks;
  return {static_cast<uint16_t>(block_bytes), static_cast<uint16_t>(blocks), static_cast<uint16_t>(charge)};
}

// Class 0 is for no bytes at all, which takes a block of the smallest size.
constexpr size_t kClassCount = 1 + kEvenClasses + (kBlocksMax - kBlocksMin + 1);

constexpr std::array<SizeClass, kClassCount> MakeClasses() {
  std::array<SizeClass, kClassCount> classes{};
  classes[0] = Describe(kStep);
  for (size_t i = 1; i <= kEvenClasses; ++i) classes[i] = Describe(i * kStep);
  for (size_t blocks = kBlocksMin; blocks <= kBlocksMax; ++blocks) {
    classes[1 + kEvenClasses + kBlocksMax - blocks] = Describe(kSpanBytes / blocks / kStep * kStep);
  }
  return classes;
}

constexpr std::array<SizeClass, kClassCount> kSizeClasses = MakeClasses();

#ifdef ABSL_HAVE_ADDRESS_SANITIZER
constexpr bool kOperatorNew = true;
#else
constexpr bool kOperatorNew = false;
#endif

// ThreadSanitizer ends a process that holds as many mutexes at once as the heap has. A child of a process under it that
// has threads is not supported by ThreadSanitizer anyway.
#ifdef ABSL_HAVE_THREAD_SANITIZER
constexpr bool kLockForFork = false;
#else
constexpr bool kLockForFork = true;
#endif

size_t ShardsForThisMachine(size_t max) {
  const size_t threads = std::max(1u, std::thread::hardware_concurrency());
  size_t shards = 1;
  while (shards < threads && shards < max) shards *= 2;
  return shards;
}

constexpr size_t ClassOfSteps(size_t steps) {
  return steps <= kEvenClasses ? steps : 1 + kEvenClasses + kBlocksMax - kSpanBytes / (steps * kStep);
}

}  // namespace

constexpr EntryHeap::Steps EntryHeap::MakeSteps() {
  static_assert(kStep == kStepBytes && kEvenStepsMax == kSmallLinesMax, "as in the header");
  Steps steps{};
  for (size_t i = 0; i < steps.size_class.size(); ++i) {
    steps.size_class[i] = static_cast<uint8_t>(ClassOfSteps(i));
    steps.charge[i] = kSizeClasses[ClassOfSteps(i)].charge;
  }
  return steps;
}

const EntryHeap::Steps EntryHeap::kSteps = EntryHeap::MakeSteps();

EntryHeap& EntryHeap::Process() {
  static EntryHeap* const heap = [] {
    auto* const made = new EntryHeap;
    if (kLockForFork) {
      pthread_atfork([] { Process().LockForFork(); }, [] { Process().UnlockAfterFork(); },
                     [] { Process().UnlockAfterFork(); });
    }
    return made;
  }();
  return *heap;
}

void EntryHeap::LockForFork() {
  for (size_t shard = 0; shard < shard_count_; ++shard) {
    for (SpanList& list : shards_[shard]) list.mutex.Lock();
  }
  pool_.LockForFork();
}

void EntryHeap::UnlockAfterFork() {
  pool_.UnlockAfterFork();
  for (size_t shard = 0; shard < shard_count_; ++shard) {
    for (SpanList& list : shards_[shard]) list.mutex.Unlock();
  }
}

EntryHeap::EntryHeap() : shard_count_(ShardsForThisMachine(kShardsMax)), shards_(new Shard[shard_count_]) {
  static_assert(kClassCount <= kClasses, "the lists of a shard");
}

EntryHeap::~EntryHeap() = default;

size_t EntryHeap::OwnShard() const { return ThisThreadSlot().index & (shard_count_ - 1); }

bool EntryHeap::FailsNow() {
  return ABSL_PREDICT_FALSE(fail_in_.load(std::memory_order_relaxed) > 0) &&
         fail_in_.fetch_sub(1, std::memory_order_relaxed) == 1;
}

void* EntryHeap::Allocate(size_t bytes) {
  if (FailsNow()) return nullptr;
  if (kOperatorNew) return ::operator new(bytes, std::align_val_t(64), std::nothrow);
  return bytes <= kSmallBytesMax ? AllocateSmall(kSteps.size_class[StepsOf(bytes)]) : pool_.TakeRun(bytes);
}

void* EntryHeap::AllocateLines(size_t bytes) {
  if (kOperatorNew || bytes <= kSmallLinesMax) return Allocate(bytes);
  return FailsNow() ? nullptr : pool_.TakeRun(bytes);
}

void EntryHeap::FreeLines(void* block, size_t bytes) {
  if (kOperatorNew || bytes <= kSmallLinesMax) return Free(block, bytes);
  pool_.ReturnRun(block, bytes);
}

void EntryHeap::Free(void* block, size_t bytes) {
  if (kOperatorNew) return ::operator delete(block, std::align_val_t(64));
  if (bytes <= kSmallBytesMax) {
    FreeSmall(block);
  } else {
    pool_.ReturnRun(block, bytes);
  }
}

void EntryHeap::PushFront(SpanList* list, Span* span) {
  span->previous = nullptr;
  span->next = list->first;
  (list->first != nullptr ? list->first->previous : list->last) = span;
  list->first = span;
  span->listed = true;
  list->has_spans.store(true, std::memory_order_relaxed);
}

void EntryHeap::Remove(SpanList* list, Span* span) {
  (span->previous != nullptr ? span->previous->next : list->first) = span->next;
  (span->next != nullptr ? span->next->previous : list->last) = span->previous;
  span->listed = false;
  if (list->first == nullptr) list->has_spans.store(false, std::memory_order_relaxed);
}

// The first span is the one in which a block was freed last: the fullest, most often, and warm. So the others run
// empty.
void* EntryHeap::TakeBlock(SpanList* list, size_t size_class) {
  Span* const span = list->first;
  if (span == nullptr) return nullptr;
  const SizeClass& sizes = kSizeClasses[size_class];
  void* block = span->free;
  if (block != nullptr) {
    span->free = *static_cast<void**>(block);
  } else {
    block = span->begin + size_t{span->fresh++} * sizes.block_bytes;
  }
  if (ABSL_PREDICT_FALSE(span->kept)) {
    span->kept = false;
    kept_spans_.fetch_sub(1, std::memory_order_relaxed);
  }
  if (++span->used == sizes.blocks) Remove(list, span);
  return block;
}

// Takes the span that was longest without a change. Under the mutex of the own list, so it never waits for another.
bool EntryHeap::TakeOverSpan(SpanList* to, size_t shard, size_t size_class) {
  for (size_t other = (shard + 1) % shard_count_; other != shard; other = (other + 1) % shard_count_) {
    SpanList& from = ListOf(other, size_class);
    if (!from.has_spans.load(std::memory_order_relaxed)) continue;
    if (!from.mutex.TryLock()) continue;
    Span* const span = from.last;
    if (span != nullptr) {
      Remove(&from, span);
      span->shard.store(static_cast<uint8_t>(shard), std::memory_order_relaxed);
    }
    from.mutex.Unlock();
    if (span == nullptr) continue;
    PushFront(to, span);
    return true;
  }
  return false;
}

void* EntryHeap::AllocateSmall(size_t size_class) {
  const size_t shard = OwnShard();
  SpanList& list = ListOf(shard, size_class);
  {
    absl::MutexLock lock(&list.mutex);
    if (void* const block = TakeBlock(&list, size_class)) return block;
    if (TakeOverSpan(&list, shard, size_class)) return TakeBlock(&list, size_class);
  }
  Span* const span = pool_.TakeSpan();
  if (span == nullptr) return nullptr;
  absl::MutexLock lock(&list.mutex);
  span->free = nullptr;
  span->fresh = 0;
  span->used = 0;
  span->kept = false;
  span->size_class = static_cast<uint8_t>(size_class);
  span->shard.store(static_cast<uint8_t>(shard), std::memory_order_relaxed);
  PushFront(&list, span);
  return TakeBlock(&list, size_class);
}

void EntryHeap::FreeSmall(void* block) {
  Span* const span = pool_.SpanOf(block);
  const size_t size_class = span->size_class;
  while (true) {
    const size_t shard = span->shard.load(std::memory_order_relaxed);
    SpanList& list = ListOf(shard, size_class);
    absl::MutexLock lock(&list.mutex);
    // Taken over meanwhile?
    if (span->shard.load(std::memory_order_relaxed) != shard) continue;
    *static_cast<void**>(block) = span->free;
    span->free = block;
    --span->used;
    if (!span->listed) PushFront(&list, span);
    if (ABSL_PREDICT_TRUE(span->used > 0)) return;
    // The last one stays, so that a block that comes and goes does not move spans, if not too many stay already.
    if (list.first == list.last && kept_spans_.fetch_add(1, std::memory_order_relaxed) < kKeptSpansMax) {
      span->kept = true;
      return;
    }
    if (list.first == list.last) kept_spans_.fetch_sub(1, std::memory_order_relaxed);
    Remove(&list, span);
    break;
  }
  pool_.ReturnSpan(span);
}

}  // namespace nearcache::internal::local
