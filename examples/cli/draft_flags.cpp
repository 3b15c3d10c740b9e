#include "draft_flags.hpp"

#include <string_view>
#include <vector>

#include "usage.hpp"

namespace hunch::cli {
namespace {

std::vector<std::string> split_types(const draft_flags& flags) {
  if (!flags.type) return {flags.model ? "draft-simple" : "ngram-simple"};
  std::vector<std::string> types;
  std::string_view rest = *flags.type;
  for (;;) {
    const std::size_t comma = rest.find(',');
    types.emplace_back(rest.substr(0, comma));
    if (comma == std::string_view::npos) return types;
    rest.remove_prefix(comma + 1);
  }
}

void refuse_what_has_no_meaning(const draft_flags& flags) {
  if (flags.shortest.value_or(0) != 0)
    throw usage_error("--spec-draft-n-min: only 0 is supported; drafts have a fixed length, --spec-draft-n-max");
  if (flags.probability.value_or(0) != 0)
    throw usage_error("--spec-draft-p-min: only 0 is supported; drafts have a fixed length, --spec-draft-n-max");
  if (flags.longest && !flags.model)
    throw usage_error("--spec-draft-n-max needs a draft model: -md FILE (for lookup: --spec-ngram-size-m)");
  if (!flags.model && !flags.type)
    throw usage_error("--spec-ngram-size-n and --spec-ngram-size-m need --spec-type ngram-simple");
}

std::string model_spec(const draft_flags& flags) {
  if (!flags.model) throw usage_error("--spec-type draft-simple needs a draft model: -md FILE");
  const bool plain = flags.model->find_first_of(",|) ") == std::string::npos;
  std::string out = "model:" + (plain ? *flags.model : '"' + *flags.model + '"');
  if (flags.longest) out += ",len=" + std::to_string(*flags.longest);
  return out;
}

std::string lookup_spec(const draft_flags& flags) {
  std::string out = "lookup";
  if (flags.ngram) out += ":n=" + std::to_string(*flags.ngram);
  if (flags.ngram_longest) out += (flags.ngram ? ",len=" : ":len=") + std::to_string(*flags.ngram_longest);
  return out;
}

}  // namespace

std::string to_spec(const draft_flags& flags) {
  refuse_what_has_no_meaning(flags);
  const auto types = split_types(flags);
  std::string joined;
  for (const std::string& type : types) {
    if (!joined.empty()) joined += "|";
    if (type == "none" && types.size() == 1)
      joined += "none";
    else if (type == "draft-simple")
      joined += model_spec(flags);
    else if (type == "ngram-simple")
      joined += lookup_spec(flags);
    else
      throw usage_error("--spec-type: '" + type + "' is not supported; known: none, draft-simple, ngram-simple");
  }
  return types.size() == 1 ? joined : "first(" + joined + ")";
}

}  // namespace hunch::cli
