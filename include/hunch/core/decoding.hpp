// The loop without the model: text → drafter → tree → (rows) → verdict → text. Whoever owns the target's passes drives
// it: decoder.hpp over a backend, step_machine.hpp for hosts.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <hunch/core/context.hpp>
#include <hunch/core/drafter.hpp>
#include <hunch/core/explain.hpp>
#include <hunch/core/observer.hpp>
#include <hunch/core/request.hpp>
#include <hunch/core/verifier.hpp>

namespace hunch::detail {

/// Why the target should not run this tree; `none` for trees that keep law D2 as far as it shows without the laws'
/// sums. Cost: O(nodes).
template <class P, class R>
[[nodiscard]] fault fault_of(const basic_draft_tree<P>& tree, const basic_context<R>& ctx) noexcept {
  if (tree.size() > ctx.budget) return fault::draft_budget;
  const tree_view nodes = tree.view();
  for (node_id n = 1; n < nodes.size(); ++n) {
    if (nodes.depths[n] > ctx.max_depth) return fault::draft_depth;
    const token t = nodes.tokens[n];
    if (t < 0 || static_cast<std::size_t>(t) >= tree.vocab()) return fault::draft_token;
    if (tree.far_q(nodes.parents[n]).copy != nullptr) continue;  // drawn where the law is
    const std::span<const P> q = tree.q(nodes.parents[n]);
    if (!q.empty() && !(q[static_cast<std::size_t>(t)] > P{0} && std::isfinite(q[static_cast<std::size_t>(t)])))
      return fault::draft_law;
  }
  return fault::none;
}

/// One text as it grows, and the parts that make it grow.
template <class D, class V, class O, class R, class P>
class decoding {
 public:
  decoding(std::size_t vocab, D drafter, V verifier, O observer)
      : drafter_{std::move(drafter)}, verifier_{std::move(verifier)}, observer_{std::move(observer)}, tree_{vocab} {
    check_parts();
  }

  void start(std::span<const token> text, basic_request<R> wish) {
    text_.assign(text.begin(), text.end());
    wish_ = std::move(wish);
    left_ = wish_.max_tokens;
    fault_ = text.empty() ? fault::empty_text : fault::none;
    status_ = text.empty() ? status::failed : left_ == 0 ? status::length : status::running;
    ++run_;
  }

  /// Begins a round for a target with room for `room` nodes. True if drafting makes sense.
  bool open(std::size_t room, std::size_t budget) {
    tree_.reset(text_.back());
    const std::size_t deepest = std::min({left_ - 1, room - 1, max_depth});
    ctx_ = {text_,
            std::clamp<std::size_t>(budget, 1, room),
            static_cast<std::uint32_t>(deepest),
            wish_.end_of_text,
            run_,
            wish_.random};
    return deepest > 0 && ctx_.budget > 1;
  }
  /// The drafter is done. False, with the text failed, if its tree cannot be run.
  bool seal() {
    event_.draft_s = clock_mark();
    return (fault_ = fault_of(tree_, ctx_)) == fault::none || fail(fault_);
  }
  /// The target's rows of the tree are there. False, with the text failed, if they are not usable.
  bool judge(const LogitRows auto& rows) {
    event_.target_s += clock_mark();
    if (rows.size() < tree_.size() || rows[0].size() != tree_.vocab()) return fail(fault::pass);
    verifier_.verify(tree_, rows, ctx_, verdict_);
    if (verdict_.next == no_token) return fail(fault::rows);
    const basic_rows_ref<P> seen{rows};
    if constexpr (learns<D, P>) tell(drafter_, tree_, verdict_, seen);
    if constexpr (RoundObserver<O, P, R>) observer_.on_round(basic_judged_round<P, R>{tree_, seen, verdict_, ctx_});
    return true;
  }
  /// Adds the accepted path and the next token to the text, up to its end. An exception of a stop rule or of the
  /// observer leaves the text as it was.
  step_result append() {
    undo back{*this};
    const std::size_t verified = verdict_.path.size();
    for (std::size_t i = 1; i <= verified && status_ == status::running; ++i) {
      const token t = i < verified ? tree_[verdict_.path[i]] : verdict_.next;
      text_.push_back(t);
      ++event_.emitted;
      if (std::ranges::find(wish_.end_of_text, t) != wish_.end_of_text.end())
        status_ = status::end_of_text;
      else if (--left_ == 0)
        status_ = status::length;
    }
    const std::size_t cut = wish_.stop ? cut_by(wish_.stop(text_, event_.emitted)) : 0;
    event_.drafted = tree_.drafted();
    event_.tested = verdict_.tested;
    event_.accepted = verdict_.accepted();
    event_.truncated = verified + event_.withdrawn - event_.emitted;
    event_.verify_s = clock_mark();
    observer_.on_step(event_);
    back.disarm();
    text_.resize(text_.size() - cut);
    return {status_, std::span<const token>{text_}.last(event_.emitted), event_.withdrawn};
  }

  /// A step begins, or the one that failed begins again; false if the text has ended.
  bool begin() {
    event_ = {};
    if (status_ == status::failed && !text_.empty()) {
      status_ = status::running;
      fault_ = fault::none;
    }
    if (status_ != status::running) return false;
    clock_mark();
    return true;
  }
  void end(status s) noexcept { status_ = s; }
  /// The target's cache was brought to the text.
  void synced() { event_.target_s += clock_mark(); }

  [[nodiscard]] std::span<const token> text() const noexcept { return text_; }
  [[nodiscard]] hunch::status status() const noexcept { return status_; }
  [[nodiscard]] hunch::fault fault() const noexcept { return fault_; }
  [[nodiscard]] basic_draft_tree<P>& tree() noexcept { return tree_; }
  [[nodiscard]] const basic_draft_tree<P>& tree() const noexcept { return tree_; }
  [[nodiscard]] const basic_context<R>& context() const noexcept { return ctx_; }
  [[nodiscard]] const basic_verdict<P>& verdict() const noexcept { return verdict_; }
  [[nodiscard]] O& observer() noexcept { return observer_; }
  [[nodiscard]] D& drafter() noexcept { return drafter_; }

 private:
  static constexpr std::size_t max_depth = std::numeric_limits<std::uint32_t>::max();

  /// What only shows at run time: vocabularies, and laws of drafters that were chosen at run time.
  void check_parts() const {
    if constexpr (requires(const D& d) { d.vocab_size(); })
      if (drafter_.vocab_size() != 0 && drafter_.vocab_size() != tree_.vocab())
        raise("hunch: the drafter's vocabulary has " + std::to_string(drafter_.vocab_size()) +
              " tokens, the target's " + std::to_string(tree_.vocab()) + "; a drafter must speak the target's tokens");
    check_laws<V>(drafter_);
  }
  bool fail(hunch::fault f) noexcept {
    fault_ = f;
    status_ = status::failed;
    return false;
  }
  /// How much a stop rule that keeps `kept` tokens takes off the end of the text.
  std::size_t cut_by(std::size_t kept) noexcept {
    if (kept >= text_.size()) return 0;
    const std::size_t cut = text_.size() - kept;
    event_.withdrawn = cut - std::min(cut, event_.emitted);
    event_.emitted -= std::min(cut, event_.emitted);
    status_ = status::stopped;
    return cut;
  }
  /// Seconds since the last mark; 0 without reading the clock unless the observer wants time.
  double clock_mark() {
    if constexpr (wants_time<O>()) {
      const auto now = std::chrono::steady_clock::now();
      return std::chrono::duration<double>(now - std::exchange(mark_, now)).count();
    } else {
      return 0;
    }
  }

  /// Takes back what `append` added, unless it came to its end. A destructor and not a handler: these headers compile
  /// without exceptions.
  class undo {
   public:
    explicit undo(decoding& of) noexcept : of_{of}, size_{of.text_.size()}, left_{of.left_} {}
    undo(const undo&) = delete;
    undo& operator=(const undo&) = delete;
    ~undo() {
      if (!armed_) return;
      of_.text_.resize(size_);
      of_.left_ = left_;
      of_.status_ = hunch::status::running;
    }
    void disarm() noexcept { armed_ = false; }

   private:
    decoding& of_;
    std::size_t size_;
    std::size_t left_;
    bool armed_ = true;
  };

  D drafter_;
  V verifier_;
  O observer_;
  basic_draft_tree<P> tree_;
  basic_verdict<P> verdict_;
  basic_context<R> ctx_{};
  basic_request<R> wish_;
  std::vector<token> text_;
  std::size_t left_ = 0;  // tokens that may still be emitted
  std::uint64_t run_ = 0;
  hunch::status status_ = hunch::status::failed;
  hunch::fault fault_ = hunch::fault::empty_text;
  step_event event_;
  std::chrono::steady_clock::time_point mark_;
};

}  // namespace hunch::detail
