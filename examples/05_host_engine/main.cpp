// A host that owns its engine and every pass: several texts at once, each a step_machine, batched by a small scheduler.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <hunch/core.hpp>

#include "engine.hpp"

using namespace hunch;

namespace {

constexpr std::size_t vocab = 48;
enum model : std::uint32_t { target_model, draft_model };

/// What somebody asks for.
struct job_ticket {
  std::string name;
  std::vector<token> prompt;
  std::size_t max_tokens;
  std::uint32_t draft_length;  // 0: plain decoding
  float heat;                  // 0: greedy
  std::size_t arrives;         // tick
};

/// A machine of whatever parts, behind what the scheduler needs of it.
class text_in_work {
 public:
  virtual ~text_in_work() = default;
  virtual std::optional<pass> next() = 0;
  virtual void supply(matrix_view rows) = 0;
  [[nodiscard]] virtual const machine_result& result() const = 0;
  [[nodiscard]] virtual std::span<const token> text() const = 0;
  [[nodiscard]] virtual const stats& numbers() = 0;

  toy::cache caches[2];  // by model
  const job_ticket* ticket = nullptr;
};

template <class W>
class text_with final : public text_in_work {
 public:
  text_with(const job_ticket& t, W warp)
      : machine_{hosted_model{target_model, vocab, 256},
                 with_length(coupled_model_drafter(draft_, warp), fixed_length{t.draft_length}), match(warp), stats{}} {
    request wish;
    wish.random = philox{t.name.size()};
    wish.max_tokens = t.max_tokens;
    machine_.start(t.prompt, wish);
    ticket = &t;
  }
  std::optional<pass> next() override { return machine_.next(); }
  void supply(matrix_view rows) override { machine_.supply(rows); }
  [[nodiscard]] const machine_result& result() const override { return machine_.result(); }
  [[nodiscard]] std::span<const token> text() const override { return machine_.text(); }
  [[nodiscard]] const stats& numbers() override { return machine_.observer(); }

 private:
  static auto drafter_of(W warp, std::uint32_t length) {
    hosted_model draft{draft_model, vocab, 256};
    return with_length(coupled_model_drafter(draft, warp), fixed_length{length});
  }
  hosted_model draft_{draft_model, vocab, 256};
  step_machine<decltype(drafter_of(std::declval<W>(), 0)), match<W>, stats> machine_;
};

std::unique_ptr<text_in_work> begin(const job_ticket& t) {
  if (t.heat > 0) return std::make_unique<text_with<temperature>>(t, temperature{t.heat});
  return std::make_unique<text_with<greedy>>(t, greedy{});
}

/// The engines and the texts that they work on.
class scheduler {
 public:
  using text = std::unique_ptr<text_in_work>;

  void admit(text t) { active_.push_back(std::move(t)); }
  [[nodiscard]] std::size_t active() const { return active_.size(); }

  /// One step of every text: draft passes together, as often as one is wanted; then one target pass over all.
  /// Returns the texts that have ended.
  std::vector<text> tick() {
    while (run_all(draft_model) > 0) {
    }
    run_all(target_model);
    std::vector<text> ended;
    for (text& t : active_) {
      if (t->next()) continue;  // nothing is wanted where a step is done
      const machine_result& done = t->result();
      target_.apply(t->caches[target_model], done.cache);
      if (done.status == status::running) continue;
      target_.close(t->caches[target_model]);
      draft_.close(t->caches[draft_model]);
      ended.push_back(std::move(t));
    }
    std::erase(active_, nullptr);
    return ended;
  }

  [[nodiscard]] const toy::engine& target() const { return target_; }
  [[nodiscard]] const toy::engine& draft() const { return draft_; }

 private:
  /// One batched pass for the texts that want `m` next. Returns how many there were.
  std::size_t run_all(model m) {
    toy::engine& engine = m == target_model ? target_ : draft_;
    std::vector<text_in_work*> takes_part;
    std::vector<toy::job> jobs;
    for (text& t : active_) {
      const auto wanted = t->next();  // the same pass until it is supplied
      if (!wanted || wanted->model != m) continue;
      if (wanted->cache) engine.apply(t->caches[m], *wanted->cache);
      jobs.push_back({&t->caches[m], wanted->tree});
      takes_part.push_back(t.get());
    }
    if (jobs.empty()) return 0;
    const float* row = engine.run(jobs).data();
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const std::size_t rows = jobs[i].tree.fresh();
      takes_part[i]->supply({row, rows, vocab});
      row += rows * vocab;
    }
    return jobs.size();
  }

  toy::engine target_{vocab, 512, 0.0f};
  toy::engine draft_{vocab, 512, 0.15f};
  std::vector<text> active_;
};

/// The same text, alone and without drafts.
std::vector<token> plain(job_ticket t) {
  t.draft_length = 0;
  scheduler alone;
  alone.admit(begin(t));
  for (;;)
    if (const auto ended = alone.tick(); !ended.empty()) return {ended[0]->text().begin(), ended[0]->text().end()};
}

}  // namespace

int main() {
  const std::vector<job_ticket> tickets{
      {"letter", {5, 9, 2}, 40, 4, 0.0f, 0},  {"poem", {1}, 24, 3, 0.8f, 0},
      {"code", {7, 7, 3, 1}, 48, 6, 0.0f, 1}, {"recipe", {4, 8}, 16, 0, 0.7f, 2},
      {"joke", {30, 2, 2}, 12, 2, 1.0f, 3},   {"summary", {11, 12, 13}, 32, 5, 0.5f, 9},
  };
  constexpr std::size_t seats = 3;

  scheduler host;
  bool same = true;
  std::size_t waiting = 0;
  std::size_t steps = 0;
  std::printf("%-8s %5s %5s %7s %6s %6s %6s  %s\n", "text", "draft", "heat", "ended", "tokens", "steps", "tau",
              "as plain decoding");
  for (std::size_t tick = 0; waiting < tickets.size() || host.active() > 0; ++tick) {
    while (waiting < tickets.size() && tickets[waiting].arrives <= tick && host.active() < seats)
      host.admit(begin(tickets[waiting++]));
    for (const auto& t : host.tick()) {
      const std::vector<token> expected = plain(*t->ticket);
      const bool equal = std::equal(expected.begin(), expected.end(), t->text().begin(), t->text().end());
      const stats& n = t->numbers();
      std::printf("%-8s %5u %5.1f %7zu %6zu %6zu %6.2f  %s\n", t->ticket->name.c_str(), t->ticket->draft_length,
                  static_cast<double>(t->ticket->heat), tick, n.emitted, n.steps, n.tau(), equal ? "yes" : "NO");
      same = same && equal;
      steps += n.steps;
    }
  }
  std::printf("\n%zu steps in %zu passes of the target and %zu of the draft; %zu and %zu KV slots free again\n", steps,
              host.target().passes(), host.draft().passes(), host.target().free_slots(), host.draft().free_slots());
  return same ? 0 : 1;
}
