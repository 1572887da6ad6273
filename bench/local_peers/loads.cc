#include "bench/local_peers/loads.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace nearcache::local_peers {
namespace {

constexpr uint32_t kTinyKeys = 1000;

Activity MakeActivity(Form form, int threads, uint32_t write_percent = 0, bool timed = false) {
  const char* const form_name = form == Form::kVisit ? "visit" : form == Form::kCopy ? "copy" : "hold";
  Activity activity;
  activity.name = absl::StrCat(timed ? "timed" : form_name, "-", threads, "t");
  if (write_percent > 0) absl::StrAppend(&activity.name, "-w", write_percent);
  activity.task.form = form;
  activity.task.writes_per_mille = write_percent * 10;
  activity.threads = threads;
  activity.timed = timed;
  return activity;
}

Load EverythingFits() {
  Load load{"all", "1M keys, all fit, Zipf 0.99", {}, 1'000'000, 0, 0.99, 150'000, {}};
  load.activities = {
      MakeActivity(Form::kVisit, 1),          MakeActivity(Form::kCopy, 1),
      MakeActivity(Form::kVisit, 1, 5),       MakeActivity(Form::kVisit, 2),
      MakeActivity(Form::kCopy, 2),           MakeActivity(Form::kVisit, 2, 5),
      MakeActivity(Form::kVisit, 2, 50),      MakeActivity(Form::kVisit, 1, 0, true),
      MakeActivity(Form::kVisit, 2, 0, true), MakeActivity(Form::kVisit, 2, 5, true),
  };
  return load;
}

Load SomeFit(const char* name, const char* what, uint32_t entries) {
  Load load{name, what, {}, 1'000'000, entries, 0.99, 150'000, {}};
  load.activities = {MakeActivity(Form::kVisit, 1), MakeActivity(Form::kVisit, 2),
                     MakeActivity(Form::kVisit, 2, 0, true)};
  for (Activity& activity : load.activities) activity.task.set_on_miss = true;
  return load;
}

Load Tiny() {
  Load load{"tiny", "1000 keys, all fit, Zipf 0.99", {}, kTinyKeys, 0, 0.99, 400'000, {}};
  load.activities = {MakeActivity(Form::kVisit, 1), MakeActivity(Form::kVisit, 2), MakeActivity(Form::kCopy, 1),
                     MakeActivity(Form::kHold, 1)};
  return load;
}

Load Hot() {
  Load load{"hot", "one key", {}, 1, 0, 0.99, 400'000, {}};
  load.activities = {MakeActivity(Form::kVisit, 1), MakeActivity(Form::kVisit, 2), MakeActivity(Form::kCopy, 2),
                     MakeActivity(Form::kHold, 2), MakeActivity(Form::kVisit, 2, 5)};
  for (Activity& activity : load.activities) activity.one_key = true;
  return load;
}

Load Sized(const char* name, const char* what, const bench::Shape& shape, uint32_t keys) {
  Load load{name, what, shape, keys, 0, 0.99, 100'000, {}};
  load.activities = {MakeActivity(Form::kVisit, 1), MakeActivity(Form::kCopy, 1), MakeActivity(Form::kVisit, 2, 5)};
  return load;
}

// The activity with two threads again with all that the machine has.
void AddAllThreads(int hardware_threads, Load* load) {
  std::vector<Activity> more;
  for (const Activity& activity : load->activities) {
    if (activity.threads != 2 || activity.timed || activity.task.form != Form::kVisit) continue;
    more.push_back(MakeActivity(Form::kVisit, hardware_threads, activity.task.writes_per_mille / 10));
    more.back().task = activity.task;
    more.back().one_key = activity.one_key;
  }
  for (Activity& activity : more) load->activities.push_back(std::move(activity));
}

}  // namespace

std::vector<Load> AllLoads(int hardware_threads, bool quick) {
  std::vector<Load> loads;
  loads.push_back(EverythingFits());
  loads.push_back(SomeFit("tenth", "1M keys, room for 100k, set on a miss", 100'000));
  loads.push_back(SomeFit("hundredth", "1M keys, room for 10k, set on a miss", 10'000));
  loads.push_back(Tiny());
  loads.push_back(Hot());
  loads.push_back(Sized("small", "1M keys of 8 bytes, values of 16", {8, 8, 16, 16}, 1'000'000));
  loads.push_back(Sized("large", "10k keys of 80 bytes, values of 16 KiB", {80, 80, 16384, 16384}, 10'000));
  for (Load& load : loads) {
    if (hardware_threads > 2) AddAllThreads(hardware_threads, &load);
    if (!quick) continue;
    load.key_count = std::min(load.key_count, 2 * kTinyKeys);
    load.entries /= 500;
    load.slice_operations /= 200;
  }
  return loads;
}

bool TakesPart(const Entrant& entrant, const Load& load) {
  if (entrant.parts) return load.key_count <= kTinyKeys;
  if (entrant.slow && load.key_count > kTinyKeys) return false;
  return entrant.evicts || load.entries == 0;
}

bool TakesPart(const Entrant& entrant, const Activity& activity) {
  if (entrant.parts) return activity.task.form == Form::kVisit && activity.task.writes_per_mille == 0;
  if (activity.task.writes_per_mille == 0) return true;
  return entrant.sets && (entrant.sets_one_key_at_once || !activity.one_key);
}

}  // namespace nearcache::local_peers
