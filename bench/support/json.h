// JSON text, written front to back. No document in memory, nothing is read.

#ifndef BENCH_SUPPORT_JSON_H_
#define BENCH_SUPPORT_JSON_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace nearcache::bench {

// A string with its quotes. '<' is escaped too, so that the text may stand inside a <script> element.
std::string JsonString(absl::string_view text);

// Puts the commas. Inside an object call Key before each value:
//
//   JsonWriter json;
//   json.BeginObject().Key("rows").BeginArray().Number(1).String("two").EndArray().EndObject();
class JsonWriter {
 public:
  JsonWriter& BeginObject() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& BeginArray() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }

  JsonWriter& Key(absl::string_view name);
  JsonWriter& String(absl::string_view text);
  // Six digits; null for what is not finite, for which JSON has no number.
  JsonWriter& Number(double value);
  JsonWriter& Integer(int64_t value);
  JsonWriter& Bool(bool value);

  const std::string& text() const { return text_; }

 private:
  JsonWriter& Open(char bracket);
  JsonWriter& Close(char bracket);
  void Separate();

  std::string text_;
};

}  // namespace nearcache::bench

#endif  // BENCH_SUPPORT_JSON_H_
