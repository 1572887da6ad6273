#include "bench/processes/record.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/processes/prose.h"
#include "bench/support/random.h"
#include "xxhash.h"

namespace nearcache::bench {
namespace {

constexpr uint32_t kMagic = 0x52554f54;  // "TOUR"

struct Header {
  uint64_t checksum;
  uint32_t magic;
  uint32_t length;
  uint64_t key;
  uint64_t version;
};
static_assert(sizeof(Header) == 32);

uint64_t Checksum(absl::string_view bytes) {
  return XXH3_64bits(bytes.data() + sizeof(uint64_t), bytes.size() - sizeof(uint64_t));
}

bool ReadHeader(absl::string_view bytes, Header* header) {
  if (bytes.size() < sizeof(Header)) return false;
  std::memcpy(header, bytes.data(), sizeof(Header));
  return header->magic == kMagic && header->length == bytes.size();
}

void AppendText(uint64_t key, uint64_t version, size_t bytes, std::string* record) {
  Random random(key * 0x100000001b3u + version);
  absl::StrAppend(record, "{\"id\":", key, ",\"revision\":", version, ",\"author\":\"", PickName(&random),
                  "\",\"section\":\"", PickNoun(&random), "\",\"body\":\"");
  AppendProse(&random, bytes - 2, record);
  record->resize(bytes - 2);
  record->append("\"}");
}

}  // namespace

size_t RecordBytes(uint64_t key) {
  const double ratio = static_cast<double>(kRecordBytesMax) / kRecordBytesMin;
  const double size = kRecordBytesMin * std::pow(ratio, Random(key).Unit());
  return std::clamp(static_cast<size_t>(size), kRecordBytesMin, kRecordBytesMax);
}

void MakeRecord(uint64_t key, uint64_t version, std::string* record) {
  MakeRecordOfBytes(key, version, RecordBytes(key), record);
}

void MakeRecordOfBytes(uint64_t key, uint64_t version, size_t bytes, std::string* record) {
  record->assign(sizeof(Header), '\0');
  AppendText(key, version, bytes, record);
  Header header = {0, kMagic, static_cast<uint32_t>(bytes), key, version};
  std::memcpy(record->data(), &header, sizeof(Header));
  header.checksum = Checksum(*record);
  std::memcpy(record->data(), &header.checksum, sizeof(header.checksum));
}

RecordIdentity CheckRecord(absl::string_view bytes) {
  Header header;
  if (!ReadHeader(bytes, &header) || header.checksum != Checksum(bytes)) return {};
  return {true, header.key, header.version};
}

RecordIdentity PeekRecord(absl::string_view bytes) {
  Header header;
  if (!ReadHeader(bytes, &header)) return {};
  return {true, header.key, header.version};
}

}  // namespace nearcache::bench
