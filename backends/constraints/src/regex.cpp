#include <hunch/constraints/regex.hpp>
#include <hunch/core/error.hpp>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "determinised.hpp"
#include "trie.hpp"

namespace hunch::constraints {

using mask = std::vector<std::uint64_t>;

struct regex::machine {
  machine(detail::automaton from, vocabulary all, const regex_limits& limits)
      : words{std::move(all)},
        states{std::move(from), words.tree().single_bytes, limits.cache_bytes},
        mask_bytes{limits.cache_bytes},
        path(words.tree().deepest + std::size_t{1}) {}

  /// The state after some bytes that may be followed by more; 0 if none can be.
  std::uint32_t after(std::uint32_t from, std::string_view bytes) {
    for (const char c : bytes) from = states.next(from, static_cast<std::uint8_t>(c));
    return from;
  }
  mask make_mask(std::uint32_t from) {
    const detail::trie& tree = words.tree();
    mask out((words.size() + 63) / 64, 0);
    path[0] = from;
    for (std::uint32_t n = 0; n < tree.nodes.size();) {
      const detail::trie::node& node = tree.nodes[n];
      const std::uint32_t to = states.next(path[node.depth - 1], node.byte);
      if (to == 0) {
        n = node.end;
        continue;
      }
      path[node.depth] = to;
      const std::uint32_t first = n == 0 ? 0 : tree.nodes[n - 1].last_token;
      if (states.live(to))
        for (std::uint32_t i = first; i < node.last_token; ++i) {
          const auto t = static_cast<std::size_t>(tree.tokens[i]);
          out[t / 64] |= std::uint64_t{1} << (t % 64);
        }
      ++n;
    }
    if (states.exhausted()) out.assign(out.size(), 0);  // what was left out would be left out silently
    return out;
  }

  std::mutex lock;
  vocabulary words;
  detail::determinised states;
  std::size_t mask_bytes;
  std::vector<std::uint32_t> path;  // scratch: [depth] state on the way to a node of the tree
  std::unordered_map<std::uint32_t, std::shared_ptr<const mask>> masks;
};

regex::regex(std::string_view pattern, vocabulary words, regex_limits limits) {
  if (pattern.size() > limits.pattern_bytes)
    throw error("regex: the pattern has " + std::to_string(pattern.size()) + " bytes; at most " +
                std::to_string(limits.pattern_bytes) + " are taken (regex_limits::pattern_bytes)");
  machine_ = std::make_shared<machine>(detail::build(detail::parse(pattern), limits.states), std::move(words), limits);
  if (!machine_->states.live(machine_->states.start()))
    throw error(
        "regex: " +
        std::string(machine_->states.exhausted()
                        ? "the pattern needs more memory than regex_limits::cache_bytes"
                        : "what the pattern asks for cannot be spelled by the vocabulary's tokens of one byte"));
}

regex::state regex::start() const { return {machine_->states.start()}; }

void regex::advance(state& s, token t) const {
  const std::string_view bytes = machine_->words.bytes(t);
  const std::scoped_lock hold{machine_->lock};
  const std::uint32_t to = bytes.empty() ? 0 : machine_->after(s.id, bytes);
  s.id = machine_->states.live(to) && !machine_->states.exhausted() ? to : 0;
}

bool regex::may_end(const state& s) const {
  const std::scoped_lock hold{machine_->lock};
  return machine_->states.accepts(s.id) && !machine_->states.exhausted();
}

std::shared_ptr<const mask> regex::allowed(const state& s) const {
  const std::scoped_lock hold{machine_->lock};
  if (machine_->states.exhausted()) machine_->masks.clear();
  if (const auto known = machine_->masks.find(s.id); known != machine_->masks.end()) return known->second;
  auto made = std::make_shared<const mask>(machine_->make_mask(s.id));
  if ((machine_->masks.size() + 1) * (made->size() * sizeof(std::uint64_t) + 64) > machine_->mask_bytes)
    machine_->masks.clear();  // they can be made again
  machine_->masks.emplace(s.id, made);
  return made;
}

bool regex::matches(std::string_view text) const {
  const std::scoped_lock hold{machine_->lock};
  return machine_->states.accepts(machine_->after(machine_->states.start(), text));
}

bool regex::exhausted() const {
  const std::scoped_lock hold{machine_->lock};
  return machine_->states.exhausted();
}
std::size_t regex::states() const {
  const std::scoped_lock hold{machine_->lock};
  return machine_->states.states();
}

}  // namespace hunch::constraints
