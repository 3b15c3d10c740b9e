// The step as a machine, for hosts that own every forward pass.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include <hunch/core/decoding.hpp>
#include <hunch/core/drafter.hpp>
#include <hunch/core/explain.hpp>
#include <hunch/core/pass.hpp>
#include <hunch/core/request.hpp>
#include <hunch/core/text_sequence.hpp>

namespace hunch {

/// What a step of a machine did, and what the host does to the target's cache for it.
struct machine_result {
  hunch::status status;
  std::span<const token> emitted;  ///< valid until the next step
  std::size_t withdrawn = 0;       ///< see step_result
  kv_plan cache;                   ///< keep the accepted nodes, drop the others: before the target's next pass
};

/// Asks for passes and takes their rows; does nothing to a cache but say what to do. A step:
///
///   while (auto wanted = machine.next()) machine.supply(run(*wanted));  // draft passes, then the target's
///   auto done = machine.result();                                       // emitted tokens, a plan for the cache
///
/// Drafters over a hosted_model have their passes asked for as well; others draft by themselves inside `next`.
/// The same parts, the same draws, the same text as `decoder`: that one is this loop over a backend.
/// Errors: as `decoder`. A pass that failed is answered by `supply` without rows (a draft's: the step goes on with what
/// is drafted; the target's: it fails) or by `abandon`. After that, or after an exception, `next` begins a new step.
template <class D, class V, class O = no_observer, class R = philox, class P = float>
class step_machine {
 public:
  static constexpr std::size_t default_budget = 64;

  step_machine(const basic_hosted_model<P>& target, D drafter, V verifier, O observer = {})
      : target_{target}, loop_{target.vocab, std::move(drafter), std::move(verifier), std::move(observer)} {}

  /// Begins a text, or goes on with one that was edited: what the target's cache holds is used again.
  void start(std::span<const token> text, basic_request<R> wish = {}) {
    abandon();
    loop_.start(text, std::move(wish));
  }

  /// The pass that is needed now, the same one until it is supplied; nothing when the step is done or the text ended.
  /// Its last part is the target's pass of at most `budget` nodes.
  [[nodiscard]] std::optional<pass> next(std::size_t budget = default_budget) {
    if (waiting_) return wanted_;
    if (phase_ == phase::judged) {
      phase_ = phase::idle;
      return std::nullopt;
    }
    if (phase_ == phase::idle) begin(budget);
    if (phase_ == phase::draft) draft();
    waiting_ = phase_ != phase::idle;
    return wanted_;
  }

  /// Rows of raw logits of the pass that `next` named, one per node that it ran. Read before this returns. Fewer rows
  /// than that: the pass failed.
  void supply(const LogitRows auto& rows) {
    HUNCH_EXPECTS(waiting_, "no pass is waiting for rows: call next first");
    waiting_ = false;
    // The phase is idle while parts run that may throw.
    if (std::exchange(phase_, phase::idle) == phase::draft)
      supply_draft(rows);
    else
      supply_target(rows);
  }

  /// The outstanding pass will not be supplied (it failed, the request was cancelled). The text stands at its last
  /// commit; the host's caches may hold anything behind the tokens that the pass's plan kept. A step that is done
  /// stays done.
  void abandon() {
    const bool open = phase_ == phase::draft || phase_ == phase::target;
    phase_ = phase::idle;
    waiting_ = false;
    wanted_.reset();
    target_.give_up();
    if (open) result_ = nothing_done();
  }

  /// Of the last step; nothing emitted, and a plan that keeps what there is, if it failed or was abandoned.
  [[nodiscard]] const machine_result& result() const noexcept { return result_; }
  [[nodiscard]] std::span<const token> text() const noexcept { return loop_.text(); }
  [[nodiscard]] hunch::status status() const noexcept { return loop_.status(); }
  [[nodiscard]] hunch::fault fault() const noexcept { return loop_.fault(); }
  [[nodiscard]] const basic_draft_tree<P>& tree() const noexcept { return loop_.tree(); }
  [[nodiscard]] const basic_verdict<P>& last_verdict() const noexcept { return loop_.verdict(); }
  [[nodiscard]] O& observer() noexcept { return loop_.observer(); }
  [[nodiscard]] D& drafter() noexcept { return loop_.drafter(); }

 private:
  enum class phase { idle, draft, target, judged };

  void begin(std::size_t budget) {
    wanted_.reset();
    target_.keep_at_most(result_.cache.size());  // a step that ended in an exception may have brought more
    const bool runs = loop_.begin();
    result_ = nothing_done();
    if (!runs) return;
    const std::size_t room = target_.room_after(text());
    if (room == 0) {
      loop_.end(hunch::status::context);
      result_.status = status();
      return;
    }
    drafts_ = loop_.open(room, budget);
    if (drafts_) detail::begin_draft(loop_.drafter(), loop_.context(), loop_.tree(), target_);
    phase_ = phase::draft;
  }
  void draft() {
    phase_ = phase::idle;
    wanted_ = drafts_ ? detail::next_pass(loop_.drafter(), loop_.context(), loop_.tree(), target_) : std::nullopt;
    if (wanted_) {
      phase_ = phase::draft;
      return;
    }
    if (loop_.seal()) {
      wanted_ = target_.want(text(), tree());
      phase_ = phase::target;
    }
    result_.status = status();
  }
  void supply_draft(const LogitRows auto& rows) {
    if (rows.size() < wanted_->tree.fresh() || rows[0].size() != wanted_->vocab)
      drafts_ = false;  // the tree so far is a tree like any other
    else
      detail::supply_rows(loop_.drafter(), loop_.context(), tree(), basic_rows_ref<P>{rows}, target_);
    phase_ = phase::draft;
  }
  void supply_target(const LogitRows auto& rows) {
    wanted_.reset();
    target_.supplied();
    result_ = nothing_done();
    const bool usable = loop_.judge(rows);
    const step_result step = usable ? loop_.append() : step_result{status(), {}};
    const auto path = usable ? std::span<const node_id>{last_verdict().path} : std::span<const node_id>{};
    result_ = {step.status, step.emitted, step.withdrawn, target_.commit(path)};
    phase_ = phase::judged;
  }
  [[nodiscard]] machine_result nothing_done() const noexcept {
    return {status(), {}, 0, {target_.cached().size(), {}, {}}};
  }
  [[nodiscard]] basic_draft_tree<P>& tree() noexcept { return loop_.tree(); }

  text_sequence<basic_hosted_model<P>> target_;
  detail::decoding<D, V, O, R, P> loop_;
  std::optional<pass> wanted_;
  machine_result result_{};
  phase phase_ = phase::idle;
  bool drafts_ = false;   // in this step
  bool waiting_ = false;  // for the rows of wanted_
};

}  // namespace hunch
