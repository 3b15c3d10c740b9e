#include <algorithm>

#include "answers.hpp"
#include "kernels/answers.hpp"
#include "kernels/chain.hpp"
#include "kernels/verdicts.hpp"
#include "launch.hpp"

namespace hunch::cuda::detail {

std::span<const token> ask(const sequence_state& s, const device_answers::question& what) {
  device_answers& known = s.answers;
  if (known.asked == what) return known.tokens;
  const std::size_t rows = s.depths.size();
  select_device(s.queue->device());
  if (s.scratch.size() < rows) s.scratch = device_array<token>{rows + rows / 2};
  for (std::size_t first = 0; first < rows; first += max_rows) {
    const std::size_t count = std::min<std::size_t>(max_rows, rows - first);
    row_question q{};
    q.logits = s.logits.on_device(first);
    q.vocab = static_cast<std::uint32_t>(s.logits.width());
    q.greedy = what.greedy;
    q.temperature = what.temperature;
    q.seed = what.seed;
    for (std::size_t r = 0; r < count; ++r) q.position[r] = what.base + s.depths[first + r];
    q.tokens = s.scratch.data() + first;
    launch(*s.queue, answer_rows<>, {static_cast<unsigned>(count)}, answer_threads, q);
  }
  known.tokens.resize(rows);
  s.queue->to_host(known.tokens.data(), s.scratch.data(), rows * sizeof(token));
  s.queue->wait();
  known.asked = what;
  return known.tokens;
}

void ask(stream& s, const draw_question& what) { launch(s, draw_token<>, {1}, law_threads, what); }

void ask(stream& s, pass_block* pass, const chain_link& what) {
  if (what.probabilities == nullptr)
    launch(s, answer_link<>, {1}, answer_threads, pass, what);
  else
    launch(s, draw_link<>, {1}, law_threads, pass, what);
}

void take_drawn(stream& s, pass_block* pass, const std::int32_t* drawn, std::size_t first) {
  launch(s, take_tokens<>, {1}, max_rows, pass, drawn, static_cast<unsigned>(first));
}

void ask(stream& s, const children_question& what, std::size_t rows) {
  launch(s, draw_children<>, {static_cast<unsigned>(rows)}, law_threads, what);
}

void ask(stream& s, const verdict_question& what, std::size_t nodes) {
  launch(s, laws_of_nodes<>, {static_cast<unsigned>(nodes)}, law_threads, what);
  launch(s, judge_tree<>, {1}, law_threads, what);
}

}  // namespace hunch::cuda::detail
