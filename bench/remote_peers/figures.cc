#include "bench/remote_peers/figures.h"

namespace nearcache::remote_peers {

bool Results::Has(const Scene& scene, const std::string& contender) const {
  const auto found = rounds_.find(scene);
  return found != rounds_.end() && found->second.count(contender) > 0;
}

std::vector<double> Results::Values(const Scene& scene, const std::string& contender, Column column) const {
  std::vector<double> values;
  if (!Has(scene, contender)) return values;
  for (const Figures& figures : rounds_.at(scene).at(contender)) values.push_back(figures.*column);
  return values;
}

bench::Spread Results::Of(const Scene& scene, const std::string& contender, Column column) const {
  return bench::SpreadOf(Values(scene, contender, column));
}

bench::Spread Results::Ratio(const Scene& scene, const std::string& ours, const std::string& theirs,
                             Column column) const {
  std::vector<double> our_values = Values(scene, ours, column);
  std::vector<double> their_values = Values(scene, theirs, column);
  if (our_values.size() != their_values.size()) return {};
  return bench::PairedRatio(our_values, their_values);
}

uint64_t Results::wrong() const {
  uint64_t wrong = 0;
  for (const auto& [scene, contenders] : rounds_) {
    for (const auto& [contender, rounds] : contenders) {
      for (const Figures& figures : rounds) wrong += figures.wrong;
    }
  }
  return wrong;
}

}  // namespace nearcache::remote_peers
