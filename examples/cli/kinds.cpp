// What a spec can name: one row for each kind of drafter.
#include <array>

#include "spec.hpp"

namespace hunch::cli {
namespace {

// A pass takes at most 64 nodes, the root included.
constexpr long longest_draft = 63;

constexpr spec_key whole(std::string_view name, std::string_view standard, long low, long high,
                         std::string_view meaning) {
  return {name, value_form::whole, standard, static_cast<double>(low), static_cast<double>(high), {}, meaning};
}
constexpr spec_key real(std::string_view name, std::string_view standard, double low, double high,
                        std::string_view meaning) {
  return {name, value_form::real, standard, low, high, {}, meaning};
}
constexpr spec_key word(std::string_view name, std::string_view standard, std::string_view words,
                        std::string_view meaning) {
  return {name, value_form::word, standard, 0, 0, words, meaning};
}
constexpr spec_key file(std::string_view name, std::string_view meaning) {
  return {name, value_form::file, "FILE", 0, 0, {}, meaning};
}
constexpr spec_key len(std::string_view standard, std::string_view meaning = "tokens drafted") {
  return whole("len", standard, 1, longest_draft, meaning);
}
constexpr spec_key adapt =
    word("adapt", "off", "off|on", "on: the length that pays, 0 included, by measured costs; len is the longest");

constexpr spec_key skipped =
    real("skip", "0", 0, 1, "share of the draft's sub-layers left out; FILE self is the target's own");

constexpr std::array lookup_keys{whole("n", "3", 1, 64, "tokens that must match"), len("8"),
                                 whole("min", "0", 0, 64, "from n down to so few where more do not match; 0: only n"),
                                 word("place", "latest", "latest|earliest", "which place is copied from"), adapt};
constexpr std::array anpd_keys{whole("n", "4", 1, 16, "tokens of the longest context"), len("6"), adapt};
constexpr std::array sam_keys{len("8"), whole("match", "2", 1, 64, "shortest match that is copied from"), adapt};
constexpr std::array recycling_keys{whole("nodes", "24", 2, longest_draft + 1, "nodes of the tree, the root included"),
                                    whole("k", "8", 1, 32, "candidates kept a token")};
constexpr std::array model_keys{len("4"), adapt, skipped};
constexpr std::array translate_keys{len("5", "tokens of the draft model drafted")};
constexpr std::array confidence_keys{real("threshold", "0.4", 0, 1, "stop after a token less likely than this"),
                                     len("16", "most tokens drafted"), skipped};
constexpr std::array entropy_keys{real("nats", "2", 0, 20, "stop after a law of more entropy than this"),
                                  len("16", "most tokens drafted"), skipped};
constexpr std::array heuristic_keys{len("20", "most tokens drafted"), skipped};
constexpr std::array specdec_keys{real("threshold", "0.7", 1e-3, 1, "stop when a rejection is more likely than this"),
                                  whole("min", "1", 1, longest_draft, "fewest tokens drafted"),
                                  len("20", "most tokens drafted"), skipped,
                                  file("head",
                                       "optional: an acceptance head trained for the pair "
                                       "(examples/train/head_train.py); else draft confidence, calibrated")};
constexpr std::array rsd_c_keys{
    spec_key{"b", value_form::shape, "3x2x1", 1, longest_draft, {}, "children of each node, level by level"}, skipped};
constexpr std::array rsd_s_keys{whole("w", "4", 1, longest_draft, "beams"), len("3", "levels"), skipped};
constexpr std::array best_first_keys{whole("nodes", "24", 2, longest_draft + 1, "nodes of the tree, the root included"),
                                     whole("depth", "7", 1, longest_draft, "most levels"),
                                     whole("width", "10", 1, longest_draft, "most nodes run of a level"), skipped};

constexpr std::array swift_keys{
    real("skip", "0.45", 0, 1, "share of the sub-layers left out"), len("25", "most tokens drafted"),
    real("stop", "0.8", 0, 1, "stop after a token less likely than this"),
    word("tree", "chain", "chain|caterpillar", "caterpillar: siblings too, more of them where it is unsure"),
    word("search", "off", "off|on", "on: look for the sub-layers to leave out while it runs")};

constexpr std::array kinds{
    spec_kind{"none", file_use::none, 0, {}, "plain decoding"},
    spec_kind{"lookup", file_use::none, 0, lookup_keys, "copy what followed the last tokens before"},
    spec_kind{"anpd", file_use::none, 0, anpd_keys, "the most frequent continuation of the last tokens, with back-off"},
    spec_kind{"sam", file_use::none, 0, sam_keys,
              "copy what followed the longest match in the text (suffix automaton)"},
    spec_kind{"corpus", file_use::corpus, 0, sam_keys,
              "the same, in the text or in a corpus file (examples/11_corpus)"},
    spec_kind{"recycling", file_use::none, 0, recycling_keys,
              "a tree of the successors that the target itself named before"},
    spec_kind{"model", file_use::model, 0, model_keys, "a draft model with the target's vocabulary"},
    spec_kind{"translate", file_use::model, 0, translate_keys, "a draft model with another vocabulary"},
    spec_kind{"confidence", file_use::model, 0, confidence_keys, "a draft model until it is unsure"},
    spec_kind{"entropy", file_use::model, 0, entropy_keys, "a draft model until its law is flat"},
    spec_kind{"heuristic", file_use::model, 0, heuristic_keys,
              "a draft model, two tokens more after success, else one less"},
    spec_kind{"specdec++", file_use::model, 0, specdec_keys, "a draft model until a rejection is likely"},
    spec_kind{"rsd-c", file_use::model, 0, rsd_c_keys, "a tree of a given shape, siblings without replacement"},
    spec_kind{"rsd-s", file_use::model, 0, rsd_s_keys, "a tree by stochastic beam search"},
    spec_kind{"best-first", file_use::model, 0, best_first_keys, "the most likely nodes of the draft model's tree"},
    spec_kind{"swift", file_use::none, 0, swift_keys, "the target itself, with some of its layers left out"},
    spec_kind{"first", file_use::none, 16, {}, "the first part that proposes anything"},
    spec_kind{"staged", file_use::none, 4, {}, "a model (first part), itself sped up by the parts after it"},
    spec_kind{"cascade", file_use::none, 2, {}, "a model sped up by the second part, which goes on behind it too"},
};

}  // namespace

std::span<const spec_kind> known_kinds() noexcept { return kinds; }

}  // namespace hunch::cli
