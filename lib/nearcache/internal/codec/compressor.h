// Compression of values with zstd, for what goes to the remote tier.
//
// Benefits: less memory in Redis, less network. Costs, CPU per value of JSON (bench/codec, one core of
// a 2.6 GHz server); the size is that of the whole frame, header included:
//
//     value    level 1          level 3          level 6          decompress
//     512 B     4.0 us, 72 %     4.5 us, 72 %     7.7 us, 72 %     1.5 us
//     1 KiB     5.7 us, 56 %     6.4 us, 56 %    13.3 us, 55 %     2.1 us
//     4 KiB    13.7 us, 38 %    17.1 us, 38 %    51.9 us, 37 %     5.1 us
//     64 KiB    168 us, 31 %     210 us, 29 %     717 us, 30 %      53 us
//
// So the default is level 1: at the usual sizes level 3 costs 12 to 25 % more and saves less than 1.5 %
// more. And so the threshold: every miss of every process pays for decompression, which below 1 KiB
// is more than what a few hundred bytes less on the network save. Values that would not shrink by a
// tenth are left as they are, for the same reason.
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
  bool Tries(size_t raw_size) const { return options_.threshold_bytes != 0 && raw_size >= options_.threshold_bytes; }

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
