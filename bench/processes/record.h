// Values that prove what they are: records of readable, compressible text (a JSON object with a few paragraphs of
// prose). A 32-byte header in front carries key, version, length and a checksum of all the other bytes, so that a
// reader can tell a value of another key, an older version, and torn or mixed bytes.
//
//   0  checksum   XXH3-64 of bytes 8 … end
//   8  magic      "TOUR"
//  12  length     of the whole record in bytes
//  16  key
//  24  version
//  32  text
//
// Integers are of the machine's own byte order: the records never leave it.

#ifndef BENCH_PROCESSES_RECORD_H_
#define BENCH_PROCESSES_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace nearcache::bench {

constexpr size_t kRecordBytesMin = 100;
constexpr size_t kRecordBytesMax = 4096;

// What a reader finds in the bytes of a value.
struct RecordIdentity {
  // The checksum, magic and length are right. If not, key and version mean nothing.
  bool intact = false;
  uint64_t key = 0;
  uint64_t version = 0;
};

// The length of all versions of the record of `key`: small ones are more frequent (uniform in the logarithm).
size_t RecordBytes(uint64_t key);

// Replaces `record` by version `version` of the record of `key`. Costs about a microsecond per KiB.
void MakeRecord(uint64_t key, uint64_t version, std::string* record);

// The same with another length. REQUIRES: bytes >= kRecordBytesMin
void MakeRecordOfBytes(uint64_t key, uint64_t version, size_t bytes, std::string* record);

// Reads all bytes.
RecordIdentity CheckRecord(absl::string_view bytes);

// Reads the header alone and does not verify the checksum: for measuring what a hit costs without what its check costs.
RecordIdentity PeekRecord(absl::string_view bytes);

}  // namespace nearcache::bench

#endif  // BENCH_PROCESSES_RECORD_H_
