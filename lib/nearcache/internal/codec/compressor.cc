#include "nearcache/internal/codec/compressor.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

// For ZSTD_getFrameHeader: the stable interface tells neither the window nor the dictionary before
// decoding.
#define ZSTD_STATIC_LINKING_ONLY
#include "zstd.h"

namespace nearcache::internal::codec {
namespace {

// Compressed bytes first land here, so that the frame is allocated at its final size. Larger ones
// are not kept.
constexpr size_t kScratchBytesMax = size_t{256} << 10;

// The largest window of levels 1 to 19; what needs more was not written by this library.
constexpr uint64_t kWindowBytesMax = uint64_t{8} << 20;

struct FreeCompression {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct FreeDecompression {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

struct Compression {
  std::unique_ptr<ZSTD_CCtx, FreeCompression> context{ZSTD_createCCtx()};
  std::string scratch;
};
struct Decompression {
  std::unique_ptr<ZSTD_DCtx, FreeDecompression> context{ZSTD_createDCtx()};
};

// Idle contexts. Making and freeing them happens outside the lock.
template <typename Context>
class Pool {
 public:
  explicit Pool(size_t size_max) : size_max_(size_max) { idle_.reserve(size_max); }

  std::unique_ptr<Context> Take() {
    {
      absl::MutexLock lock(&mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<Context> context = std::move(idle_.back());
        idle_.pop_back();
        return context;
      }
    }
    return std::make_unique<Context>();
  }

  void Give(std::unique_ptr<Context> context) {
    absl::MutexLock lock(&mutex_);
    if (idle_.size() < size_max_) idle_.push_back(std::move(context));
    // What is not kept is freed by the argument's destructor, which runs after the lock's.
  }

 private:
  const size_t size_max_;
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<Context>> idle_ ABSL_GUARDED_BY(mutex_);
};

// Whether `compressed` is one plain frame that says it holds raw_size bytes, and nothing behind it.
bool IsOneFrame(absl::string_view compressed, size_t raw_size) {
  ZSTD_frameHeader header;
  if (ZSTD_getFrameHeader(&header, compressed.data(), compressed.size()) != 0) return false;
  if (header.frameType != ZSTD_frame || header.dictID != 0) return false;
  if (header.frameContentSize != raw_size) return false;
  if (header.windowSize > std::max<uint64_t>(kWindowBytesMax, raw_size)) return false;
  return ZSTD_findFrameCompressedSize(compressed.data(), compressed.size()) == compressed.size();
}

}  // namespace

struct Compressor::Pools {
  explicit Pools(size_t size_max) : compression(size_max), decompression(size_max) {}
  Pool<Compression> compression;
  Pool<Decompression> decompression;
};

Compressor::Compressor(const CompressorOptions& options)
    : options_(options), pools_(std::make_unique<Pools>(options.contexts_max)) {}

Compressor::~Compressor() = default;

bool Compressor::Compress(absl::string_view raw, std::string* output) const {
  if (!Tries(raw.size())) return false;
  std::unique_ptr<Compression> compression = pools_->compression.Take();
  if (compression->context == nullptr) return false;
  // Room for nine tenths only: zstd gives up as soon as that is full, so what does not pay is found
  // out early.
  const size_t size_max = raw.size() - raw.size() / 10 - 1;
  std::string& scratch = compression->scratch;
  if (scratch.size() < size_max) scratch.resize(size_max);
  const size_t size =
      ZSTD_compressCCtx(compression->context.get(), scratch.data(), size_max, raw.data(), raw.size(), options_.level);
  const bool pays = ZSTD_isError(size) == 0;
  if (pays) output->append(scratch.data(), size);
  if (scratch.size() > kScratchBytesMax) std::string().swap(scratch);
  pools_->compression.Give(std::move(compression));
  return pays;
}

bool Compressor::Decompress(absl::string_view compressed, char* raw, size_t raw_size) const {
  if (!IsOneFrame(compressed, raw_size)) return false;
  std::unique_ptr<Decompression> decompression = pools_->decompression.Take();
  if (decompression->context == nullptr) return false;
  const size_t size =
      ZSTD_decompressDCtx(decompression->context.get(), raw, raw_size, compressed.data(), compressed.size());
  pools_->decompression.Give(std::move(decompression));
  return size == raw_size;  // An error code is never a size that fits.
}

}  // namespace nearcache::internal::codec
