// Memory that several processes share: an anonymous file that its creator maps and whose descriptor his children
// inherit. It survives every one of them but the last. Zeroed memory is its first state; what lies in it must be
// lock-free atomics, or be written before the first child starts.

#ifndef BENCH_PROCESSES_SHARED_MAPPING_H_
#define BENCH_PROCESSES_SHARED_MAPPING_H_

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"

namespace nearcache::bench {

class SharedMapping {
 public:
  // `name` is for /proc alone. kResourceExhausted, kInternal, …: the system refused the memory.
  static absl::StatusOr<std::unique_ptr<SharedMapping>> Create(const char* name, size_t bytes);

  // Maps what `descriptor`, inherited from the creator, refers to, and takes the descriptor over. kInvalidArgument: it
  // is not the memory of a run, which has at least `bytes_min`.
  static absl::StatusOr<std::unique_ptr<SharedMapping>> Attach(int descriptor, size_t bytes_min);

  // Unmaps it and closes the descriptor.
  ~SharedMapping();
  SharedMapping(const SharedMapping&) = delete;
  SharedMapping& operator=(const SharedMapping&) = delete;

  int descriptor() const { return descriptor_; }
  size_t bytes() const { return bytes_; }

  // What lies `offset` bytes behind the beginning, which is aligned to a page.
  template <typename T>
  T* At(size_t offset) const {
    return reinterpret_cast<T*>(static_cast<char*>(memory_) + offset);
  }

 private:
  SharedMapping(int descriptor, void* memory, size_t bytes) : descriptor_(descriptor), memory_(memory), bytes_(bytes) {}
  static absl::StatusOr<std::unique_ptr<SharedMapping>> Map(int descriptor, size_t bytes);

  const int descriptor_;
  void* const memory_;
  const size_t bytes_;
};

// The size of a part, so that the next one begins on a cache line of its own.
constexpr size_t RoundUpToLine(size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace nearcache::bench

#endif  // BENCH_PROCESSES_SHARED_MAPPING_H_
