#include "bench/processes/prose.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/support/random.h"

namespace nearcache::bench {
namespace {

constexpr absl::string_view kNouns[] = {
    "harbour", "library",  "railway",   "orchard",    "theatre",   "museum",      "bridge",   "kitchen",
    "garden",  "valley",   "workshop",  "market",     "cathedral", "island",      "archive",  "lighthouse",
    "village", "painting", "letter",    "journey",    "winter",    "melody",      "engine",   "telescope",
    "printer", "river",    "mountain",  "carpet",     "bakery",    "festival",    "notebook", "portrait",
    "station", "meadow",   "clock",     "staircase",  "canal",     "observatory", "quarry",   "tapestry",
    "ferry",   "granary",  "courtyard", "manuscript", "compass",   "fountain",    "glacier",  "vineyard",
};
constexpr absl::string_view kAdjectives[] = {
    "quiet",   "old",      "narrow",  "bright",     "forgotten", "northern", "wooden",   "famous",
    "careful", "distant",  "green",   "patient",    "hidden",    "steep",    "modern",   "gentle",
    "crowded", "restored", "private", "remarkable", "faded",     "seasonal", "unlikely", "generous",
};
constexpr absl::string_view kVerbs[] = {
    "opened",   "described", "crossed",   "repaired",  "remembered", "measured", "sold",         "followed",
    "painted",  "visited",   "rebuilt",   "borrowed",  "discovered", "planned",  "photographed", "catalogued",
    "defended", "admired",   "inherited", "abandoned", "restored",   "recorded", "exchanged",    "preserved",
};
constexpr absl::string_view kNames[] = {
    "Ada Hartmann",  "Jonas Lind",   "Mira Kowalska", "Peter Okafor",  "Lucia Ferrante", "Tomas Novak",
    "Ines Duarte",   "Samuel Reed",  "Hana Sato",     "Oskar Berg",    "Leila Haddad",   "Marta Vidal",
    "Emil Schubert", "Clara Jensen", "Ravi Menon",    "Nora Sullivan",
};
constexpr absl::string_view kTimes[] = {
    "in the spring of that year",      "before the rain came", "after a long dispute",      "without telling anyone",
    "on the last day of the fair",     "as the records show",  "for the second time",       "at the edge of the town",
    "with the help of the neighbours", "long before the war",  "by the end of the century", "to everyone's surprise",
};

template <size_t kCount>
absl::string_view Pick(const absl::string_view (&list)[kCount], Random* random) {
  return list[random->Below(static_cast<uint32_t>(kCount))];
}

// "The quiet harbour of the old railway"
void AppendSubject(Random* random, std::string* text) {
  absl::StrAppend(text, "The ", Pick(kAdjectives, random), " ", Pick(kNouns, random));
  if (random->Below(3) == 0) {
    absl::StrAppend(text, " of the ", Pick(kAdjectives, random), " ", Pick(kNouns, random));
  }
}

void AppendSentence(Random* random, std::string* text) {
  if (random->Below(2) == 0) {
    absl::StrAppend(text, Pick(kNames, random));
  } else {
    AppendSubject(random, text);
  }
  absl::StrAppend(text, " ", Pick(kVerbs, random), " the ", Pick(kNouns, random), " ", Pick(kTimes, random), ". ");
}

}  // namespace

absl::string_view PickNoun(Random* random) { return Pick(kNouns, random); }

absl::string_view PickName(Random* random) { return Pick(kNames, random); }

void AppendProse(Random* random, size_t bytes, std::string* text) {
  while (text->size() < bytes) AppendSentence(random, text);
}

}  // namespace nearcache::bench
