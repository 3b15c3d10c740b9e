// A backend of plain functions, for engines that would rather hand in callbacks than a type.
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <hunch/core/backend.hpp>
#include <hunch/core/one_at_a_time.hpp>

namespace hunch {

/// What an engine does, each a function; `cache` is the engine's own handle of one KV cache. They are called from
/// within a step, one at a time, and need no exceptions: false and nullptr say that a call failed (device, connection,
/// memory). What the calls mean is in core/backend.hpp.
struct engine_callbacks {
  std::size_t vocab = 0;     ///< length of a row of logits
  std::size_t capacity = 0;  ///< tokens that a cache holds, pending ones included

  std::function<void*()> open;             ///< an empty cache
  std::function<void(void* cache)> close;  ///< ends it; also one in which a call failed. Must not throw
  std::function<bool(void* cache, std::span<const token> tokens)> prefill;  ///< runs and keeps tokens
  /// Runs the nodes [tree.first, size) and leaves them pending. Rows of raw logits [fresh, vocab], valid until the
  /// next call for this cache.
  std::function<const float*(void* cache, tree_view tree)> forward;
  std::function<bool(void* cache, std::span<const node_id> path)> commit;  ///< keeps pending nodes, drops the others
  std::function<bool(void* cache, std::size_t n)> rewind{};  ///< keeps n tokens; without it a cache is opened anew
};

/// Rows of a pass; those of a failed pass are none, and one that is read all the same is NaN: what drafts with it
/// stops drafting, what verifies with it fails its step.
class callback_rows {
 public:
  callback_rows(const float* data, std::size_t rows, std::span<const float> broken) noexcept
      : data_{data}, rows_{data == nullptr ? 0 : rows}, broken_{broken} {}

  [[nodiscard]] std::size_t size() const noexcept { return rows_; }
  [[nodiscard]] std::span<const float> operator[](std::size_t i) const noexcept {
    return i < rows_ ? std::span<const float>{data_ + i * broken_.size(), broken_.size()} : broken_;
  }

 private:
  const float* data_;
  std::size_t rows_;
  std::span<const float> broken_;  // [vocab]
};

/// Models Backend and Rewindable. A cache in which a call failed is closed; before its next pass it is opened anew and
/// prefilled with the tokens that it kept. So a failed pass costs the drafts of a round or one step (status::failed,
/// fault::pass) and nothing else: the next step tries again. An exception out of a callback counts as failed and goes
/// on to the caller. Cost over the engine's: a copy of the tokens of each text.
class callback_backend {
 public:
  /// One text's cache; closes it.
  class sequence {
   public:
    sequence(sequence&& other) noexcept
        : engine_{std::move(other.engine_)},
          cache_{std::exchange(other.cache_, nullptr)},
          kept_{std::move(other.kept_)},
          tokens_{std::move(other.tokens_)} {}
    sequence& operator=(sequence&& other) noexcept {
      std::swap(engine_, other.engine_);
      std::swap(cache_, other.cache_);
      std::swap(kept_, other.kept_);
      std::swap(tokens_, other.tokens_);
      return *this;
    }
    ~sequence() { close(); }

   private:
    friend class callback_backend;
    explicit sequence(std::shared_ptr<const engine_callbacks> engine) : engine_{std::move(engine)} {}
    void close() noexcept {
      if (void* const open = std::exchange(cache_, nullptr)) engine_->close(open);
    }

    std::shared_ptr<const engine_callbacks> engine_;
    void* cache_ = nullptr;  // none: not opened yet, or a call in it failed
    std::vector<token> kept_;
    std::vector<token> tokens_;  // pending nodes, also where the engine lost them
  };

  /// Throws hunch::error naming the callback that is missing.
  explicit callback_backend(engine_callbacks engine)
      : engine_{std::make_shared<const engine_callbacks>(std::move(engine))},
        broken_(engine_->vocab, std::numeric_limits<float>::quiet_NaN()) {
    require(engine_->vocab > 0 && engine_->capacity > 0, "`vocab` and `capacity`");
    require(static_cast<bool>(engine_->open), "`open`");
    require(static_cast<bool>(engine_->close), "`close`");
    require(static_cast<bool>(engine_->prefill), "`prefill`");
    require(static_cast<bool>(engine_->forward), "`forward`");
    require(static_cast<bool>(engine_->commit), "`commit`");
  }

  [[nodiscard]] std::size_t vocab_size() const noexcept { return engine_->vocab; }
  /// The engine opens it when its first pass comes.
  [[nodiscard]] sequence open() { return sequence{engine_}; }
  [[nodiscard]] std::size_t room(const sequence& s) const noexcept {
    return engine_->capacity - s.kept_.size() - s.tokens_.size();
  }
  void prefill(sequence& s, std::span<const token> tokens) {
    const auto visit = alone_.enter();
    HUNCH_EXPECTS(tokens.size() <= room(s), "a prefill does not fit: ask room() before");
    attempt call{*this, s};
    if (restore(s)) call.good = engine_->prefill(s.cache_, tokens);
    s.kept_.insert(s.kept_.end(), tokens.begin(), tokens.end());
  }
  callback_rows forward(sequence& s, tree_view tree) {
    const auto visit = alone_.enter();
    HUNCH_EXPECTS(tree.first == s.tokens_.size(), "tree.first must equal the number of pending nodes");
    const bool whole = s.cache_ == nullptr;  // pending nodes are lost with their cache: they run again
    const float* rows = nullptr;
    {
      attempt call{*this, s};
      tree_view wanted = tree;
      if (whole) wanted.first = 0;
      if (restore(s)) rows = engine_->forward(s.cache_, wanted);
      call.good = rows != nullptr;
    }
    s.tokens_.assign(tree.tokens.begin(), tree.tokens.end());
    if (rows != nullptr && whole) rows += tree.first * engine_->vocab;
    return {rows, tree.fresh(), broken_};
  }
  void commit(sequence& s, std::span<const node_id> path) {
    const auto visit = alone_.enter();
    if (s.cache_ != nullptr) {
      attempt call{*this, s};
      call.good = engine_->commit(s.cache_, path);
    }
    for (const node_id n : path) s.kept_.push_back(s.tokens_[n]);
    s.tokens_.clear();
  }
  void rewind(sequence& s, std::size_t n) {
    const auto visit = alone_.enter();
    HUNCH_EXPECTS(s.tokens_.empty() && n <= s.kept_.size(), "rewind: nodes are pending, or fewer tokens are kept");
    if (s.cache_ != nullptr && engine_->rewind) {
      attempt call{*this, s};
      call.good = engine_->rewind(s.cache_, n);
    } else {
      s.close();
    }
    s.kept_.resize(n);
  }

  /// Calls that failed so far.
  [[nodiscard]] std::size_t failures() const noexcept { return failures_; }

 private:
  /// A call into the engine: unless it turns out good, its cache is given up.
  class attempt {
   public:
    attempt(callback_backend& of, sequence& s) noexcept : of_{of}, sequence_{s} {}
    attempt(const attempt&) = delete;
    attempt& operator=(const attempt&) = delete;
    ~attempt() {
      if (good) return;
      ++of_.failures_;
      sequence_.close();
    }
    bool good = false;

   private:
    callback_backend& of_;
    sequence& sequence_;
  };

  static void require(bool there, const char* what) {
    if (!there) raise(std::string{"hunch: callback_backend needs "} + what + "; see docs/hosts.md");
  }
  /// After: the engine holds the kept tokens. False if it could not be brought there.
  bool restore(sequence& s) {
    if (s.cache_ != nullptr) return true;
    s.cache_ = engine_->open();
    return s.cache_ != nullptr && (s.kept_.empty() || engine_->prefill(s.cache_, s.kept_));
  }

  std::shared_ptr<const engine_callbacks> engine_;
  std::vector<float> broken_;  // [vocab] NaN
  std::size_t failures_ = 0;
  one_at_a_time alone_;
};

static_assert(Backend<callback_backend> && Rewindable<callback_backend>);

}  // namespace hunch
