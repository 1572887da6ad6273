// Compression of values with zstd, for what goes to the remote tier.
//
// Benefits: less memory in Redis, less network. Costs, per value, one core, JSON of 1-4 KiB: see
// kDefaultLevel below. Values below the threshold, and those that would not shrink by a tenth, are
// left as they are: decompressing them on every miss of every process would cost more than it
// saves.
//
// Contexts (zstd's working memory: about 0.2 MiB to decompress, 0.2 to 3 MiB to compress, by size
// of value) are reused through a pool. The pool keeps at most contexts_max of each kind that are
// idle; a thread that finds none makes one and frees it afterwards, so no thread ever waits for
// another.
//
// Bytes from the server are hostile (decompression bombs). Decompress believes no size that they
// claim: the caller gives the exact size, which must already have passed his own limit, and output
// never goes beyond it.
//
// Thread-safe. No dictionaries yet; a compressed frame that names one is refused.

#ifndef NEARCACHE_INTERNAL_CODEC_COMPRESSOR_H_
#define NEARCACHE_INTERNAL_CODEC_COMPRESSOR_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace nearcache::internal::codec {

struct CompressorOptions {
  // Values of at least this many bytes are tried; 0: none.
  size_t threshold_bytes = 1024;
  // zstd's level, 1 to 19.
  int level = 1;
  // Idle contexts kept, of each kind.
  size_t contexts_max = 16;
};

class Compressor {
 public:
  explicit Compressor(const CompressorOptions& options);
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  // Whether Compress would try a value of this size.
  bool Tries(size_t raw_size) const {
    return options_.threshold_bytes != 0 && raw_size >= options_.threshold_bytes;
  }

  // Appends `raw`, compressed, to `output` and returns true; or leaves `output` as it is and
  // returns false, when `raw` is below the threshold or would not shrink by a tenth.
  bool Compress(absl::string_view raw, std::string* output) const;

  // Fills `raw[0, raw_size)` from exactly one zstd frame. False, with the contents of `raw`
  // undefined, when `compressed` is anything else: damaged, cut, several frames, a skippable frame,
  // one that names a dictionary, one whose content size is unknown or not raw_size, or whose window
  // is above 8 MiB without need.
  bool Decompress(absl::string_view compressed, char* raw, size_t raw_size) const;

 private:
  struct Pools;

  const CompressorOptions options_;
  const std::unique_ptr<Pools> pools_;
};

}  // namespace nearcache::internal::codec

#endif  // NEARCACHE_INTERNAL_CODEC_COMPRESSOR_H_
