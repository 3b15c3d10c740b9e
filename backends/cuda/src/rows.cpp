// Rows of a pass, and what they find out on the device.
#include <hunch/cuda/backend.hpp>

#include <algorithm>

#include "answers.hpp"
#include "sequence_state.hpp"

namespace hunch::cuda {
namespace {

using detail::kept_law;
using detail::law_of;
using detail::sequence_state;

void copy_law(const void* at, std::span<float> to) {
  const auto& law = *static_cast<const kept_law*>(at);
  law.queue->to_host(to.data(), law.values.data(), to.size_bytes());
  law.queue->wait();
}

/// Where the law of the children of n lies on device `device`; null: they were chosen, or nobody was drafted.
/// False if it lies elsewhere.
bool find_law(const draft_tree& tree, node_id n, int device, const float*& q) {
  q = nullptr;
  if (!tree.has_q(n) || tree.first_child(n) == no_node) return true;
  const far_law law = tree.far_q(n);
  if (law.copy != &copy_law) return false;
  const auto& kept = *static_cast<const kept_law*>(law.at);
  q = kept.values.data();
  return kept.queue->device() == device;
}

template <class T>
void need(T& array, std::size_t count) {
  if (array.size() < count) array = T{count + count / 2};
}

void draw_all(const sequence_state& s, const detail::device_children::question& what) {
  detail::device_children& known = s.children;
  const std::size_t rows = s.depths.size();
  select_device(s.queue->device());
  known.asked.reset();
  need(known.on_device, rows * what.k);
  for (std::size_t first = 0; first < rows; first += max_rows) {
    const std::size_t count = std::min<std::size_t>(max_rows, rows - first);
    children_question q{};
    q.logits = s.logits.on_device(first);
    q.vocab = static_cast<std::uint32_t>(s.logits.width());
    q.temperature = what.temperature;
    q.k = what.k;
    q.round = what.round;
    q.node = what.node + static_cast<std::uint32_t>(first);
    q.last = what.last;
    q.key = what.key;
    for (std::size_t r = 0; r < count; ++r) q.laws[r] = law_of(s, s.first + first + r).values.data();
    q.children = known.on_device.data() + first * what.k;
    detail::ask(*s.queue, q, count);
  }
  known.drawn.resize(rows * what.k);
  s.queue->to_host(known.drawn.data(), known.on_device.data(), known.drawn.size() * sizeof(drawn_child));
  s.queue->wait();
  known.asked = what;
}

}  // namespace

kept_law& detail::law_of(const sequence_state& s, std::size_t node) {
  const std::size_t vocab = s.logits.width();
  while (s.laws.size() <= node) s.laws.emplace_back();
  kept_law& law = s.laws[node];
  if (law.values.size() < vocab) law = {device_array<float>{vocab}, s.queue};
  return law;
}
far_law detail::left_at(const kept_law& law) noexcept { return {&law, &copy_law}; }

std::size_t logit_row::size() const noexcept { return of_->logits.width(); }
const float* logit_row::data() const { return of_->logits.fetch(row_, *of_->queue).data(); }

token logit_row::argmax() const { return detail::ask(*of_, {})[row_]; }
token logit_row::at_position(std::uint64_t position, std::uint64_t seed, float temperature) const {
  const std::uint64_t base = position - of_->depths[row_];
  return detail::ask(*of_, {.greedy = false, .seed = seed, .base = base, .temperature = temperature})[row_];
}

far_draw logit_row::draw(double uniform, float temperature) const {
  const sequence_state& s = *of_;
  select_device(s.queue->device());
  const kept_law& law = law_of(s, s.first + row_);
  need(s.sums, sum_blocks(size()));
  need(s.drawn, 1);
  detail::ask(*s.queue, draw_question{.logits = s.logits.on_device(row_),
                                      .vocab = static_cast<std::uint32_t>(size()),
                                      .temperature = temperature,
                                      .uniform = uniform,
                                      .law = law.values.data(),
                                      .sums = s.sums.data(),
                                      .drawn = s.drawn.data()});
  drawn_token x{};
  s.queue->to_host(&x, s.drawn.data(), sizeof x);
  s.queue->wait();
  return {x.token, x.probability, left_at(law)};
}

std::optional<far_law> logit_row::draw(const philox& random, draw_site at, std::size_t k, float temperature,
                                       std::vector<candidate>& out) const {
  if (k > most_children) return std::nullopt;
  const sequence_state& s = *of_;
  std::uint32_t wanted = 1;  // one question for all rows, which may want different numbers of children
  while (wanted < k) wanted *= 2;
  const auto noise = random.counters(at, purpose::draft);
  const detail::device_children::question what{.k = wanted,
                                               .round = noise.c0,
                                               .node = noise.c1 - static_cast<std::uint32_t>(row_),
                                               .last = noise.c3,
                                               .key = noise.key,
                                               .temperature = temperature};
  if (s.children.asked != what) draw_all(s, what);
  out.clear();
  for (std::size_t c = 0; c < k; ++c)
    if (const drawn_child& d = s.children.drawn[row_ * wanted + c]; d.token >= 0) out.push_back({d.token, d.score});
  return left_at(s.laws[s.first + row_]);
}

std::size_t logit_rows::size() const noexcept { return rows_ == nullptr ? 0 : rows_->rows.size(); }
logit_row logit_rows::operator[](std::size_t i) const {
  HUNCH_EXPECTS(i < size(), "row index out of range");
  return {*rows_->rows[i].sequence, rows_->rows[i].row};
}

bool logit_rows::reject(const draft_tree& tree, const decode_context& ctx, float t, verdict& out) const {
  HUNCH_EXPECTS(tree.size() <= size(), "a tree is judged by its own rows");
  const sequence_state& s = *rows_->rows[0].sequence;
  detail::verdict_room& room = s.verdict;
  const std::size_t nodes = tree.size(), vocab = s.logits.width();
  select_device(s.queue->device());
  need(room.nodes, nodes);
  for (node_id n = 0; n < nodes; ++n) {
    const bool leaf = tree.first_child(n) == no_node;
    const float* q = nullptr;
    if (rows_->rows[n].sequence != &s || !find_law(tree, n, s.queue->device(), q)) return false;
    room.nodes.data()[n] = {.logits = s.logits.on_device(rows_->rows[n].row),
                            .q = q,
                            .accept = ctx.random.uniform(ctx.site(n), purpose::accept),
                            .next = ctx.random.uniform(ctx.site(n), leaf ? purpose::bonus : purpose::residual),
                            .token = tree[n],
                            .first_child = tree.first_child(n),
                            .next_sibling = tree.next_sibling(n),
                            .usable = 0};
  }
  need(room.on_device, nodes);
  need(room.laws, nodes * vocab);
  need(room.scratch, 2 * vocab);
  need(room.answer, 3 + nodes);
  need(s.sums, sum_blocks(vocab));
  s.queue->to_device(room.on_device.data(), room.nodes.data(), nodes * sizeof(judged_node));
  detail::ask(*s.queue,
              verdict_question{.nodes = room.on_device.data(),
                               .vocab = static_cast<std::uint32_t>(vocab),
                               .temperature = t,
                               .laws = room.laws.data(),
                               .residual = room.scratch.data(),
                               .draft_law = room.scratch.data() + vocab,
                               .sums = s.sums.data(),
                               .answer = room.answer.data()},
              nodes);
  room.heard.resize(3 + nodes);
  s.queue->to_host(room.heard.data(), room.answer.data(), room.heard.size() * sizeof(std::int32_t));
  s.queue->wait();
  out.next = room.heard[0];
  out.tested = static_cast<std::size_t>(room.heard[1]);
  out.path.assign(room.heard.begin() + 3, room.heard.begin() + 3 + room.heard[2]);
  out.laws.clear();
  return true;
}

}  // namespace hunch::cuda
