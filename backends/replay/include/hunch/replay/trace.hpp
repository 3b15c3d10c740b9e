// Recorded traces in memory. trace_recorder (hunch/trace/recorder.hpp) writes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include <hunch/core/types.hpp>

namespace hunch::replay {

/// What a trace keeps of a row: logits (p) or probabilities (q) of some tokens, ids rising.
struct recorded_row {
  std::vector<token> ids;
  std::vector<float> values;  // of ids
};

struct recorded_law {
  node_id parent;
  recorded_row row;
};

/// One step: the tree, what the target said after each node, and what came of it.
struct recorded_step {
  std::size_t size;                ///< tokens of the text before the step
  std::vector<token> tokens;       // [nodes]; tokens[0] is the root
  std::vector<node_id> parents;    // [nodes]; parents[i] < i, no_node for the root
  std::vector<recorded_row> rows;  // [nodes]
  std::vector<recorded_law> laws;  ///< of the parents whose children were drawn
  std::vector<node_id> path;       ///< accepted, root first
  token next;
  std::size_t emitted, truncated, withdrawn;  ///< as in step_event
};

/// One text, from its prompt on.
struct recorded_text {
  std::size_t vocab;
  std::size_t top;  ///< entries kept of a row besides decided and drafted tokens; 0: all
  std::uint64_t seed;
  std::string about;
  std::vector<token> prompt;
  std::vector<recorded_step> steps;
  std::vector<token> text;  ///< prompt and all that was emitted and not withdrawn
};

/// Reads a trace: texts in the order of the file. `name` is for messages.
///
/// All that is read keeps its contract: ids lie in the vocabulary, parents come before their children, a path leads
/// from the root from parent to child, each step continues the text. Files that do not, also truncated ones, throw
/// hunch::error "NAME:LINE: what is wrong". Bounds: 2^24 tokens of vocabulary, 2^16 nodes a step.
[[nodiscard]] std::vector<recorded_text> read_trace(std::istream& in, const std::string& name);
/// The same from a file.
[[nodiscard]] std::vector<recorded_text> read_trace(const std::string& path);

}  // namespace hunch::replay
