// A trained head that predicts from a draft model's hidden state whether the target will accept the drawn token.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <hunch/core/drafter.hpp>
#include <hunch/core/error.hpp>
#include <hunch/core/wide.hpp>

namespace hunch {

/// How drafted tokens are drawn, and so how they are accepted: the head's output for it.
enum class draft_draw : unsigned {
  greedy,        ///< the likeliest; accepted when it is the target's too
  shared_noise,  ///< by the target's noise, for `match`
  own_noise,     ///< by noise of its own, for `rejection` and its kin
};

/// A head's numbers; matrices row by row.
struct acceptance_weights {
  struct layer {
    std::vector<float> weight;
    std::vector<float> bias;
  };
  std::size_t hidden = 0;     ///< width of the draft model
  std::size_t width = 0;      ///< of the head
  layer input;                ///< [width, hidden + 1]: the hidden state, then the log-odds of the drawn token
  std::vector<layer> blocks;  ///< [width, width] each: z + SiLU(W·z + b)
  layer output;               ///< [3, width]: log-odds of acceptance for each draft_draw
};

/// An AcceptancePredictor for specdec_pp. Cost: width·(hidden + 1 + blocks·width) products a token; allocates nothing
/// once made. It reads the state that the token was drawn from and the token's probability, so it knows its answer
/// before the token has been run.
/// Source: Huang, Guo, Wang, "SpecDec++" (2024), whose head reads the state of the drawn token itself, a pass later.
class acceptance_head {
 public:
  static constexpr bool wants_hidden = true;

  /// Throws hunch::error when a matrix has not the shape that the widths say.
  acceptance_head(acceptance_weights w, draft_draw draw)
      : hidden_{w.hidden}, width_{w.width}, x_(w.hidden + 1), z_(padded(w.width)), step_(padded(w.width)) {
    if (hidden_ == 0 || width_ == 0) raise("hunch: an acceptance head is at least one value wide");
    input_ = by_column(w.input, width_, hidden_ + 1, "input");
    for (const auto& block : w.blocks) blocks_.push_back(by_column(block, width_, width_, "block"));
    check(w.output, 3, width_, "output");
    const auto row = static_cast<std::size_t>(draw);
    const auto first = w.output.weight.begin() + static_cast<std::ptrdiff_t>(row * width_);
    output_.assign(first, first + static_cast<std::ptrdiff_t>(width_));
    output_bias_ = w.output.bias[row];
  }

  /// Width of the draft models that it is made for.
  [[nodiscard]] std::size_t hidden() const noexcept { return hidden_; }

  /// s.hidden has hidden() values.
  [[nodiscard]] double acceptance(const draft_signal& s) noexcept {
    HUNCH_EXPECTS(s.hidden.size() == hidden_, "the head was made for a draft model of another width");
    const float p = std::clamp(s.probability, 1e-4f, 1 - 1e-4f);
    std::copy(s.hidden.begin(), s.hidden.end(), x_.begin());
    x_[hidden_] = std::log(p / (1 - p));
    apply(input_, x_, hidden_ + 1, z_);
    for (const auto& block : blocks_) {
      apply(block, z_, width_, step_);
      for (std::size_t i = 0; i < width_; ++i) z_[i] += step_[i] / (1 + std::exp(-step_[i]));
    }
    double odds = static_cast<double>(output_bias_);
    for (std::size_t i = 0; i < width_; ++i) odds += static_cast<double>(output_[i] * z_[i]);
    return 1 / (1 + std::exp(-odds));
  }

 private:
  static void check(const acceptance_weights::layer& l, std::size_t rows, std::size_t columns, const char* name) {
    if (l.weight.size() / columns != rows || l.weight.size() % columns != 0 || l.bias.size() != rows)
      raise("hunch: the " + std::string{name} + " layer of an acceptance head has " + std::to_string(l.weight.size()) +
            " weights and " + std::to_string(l.bias.size()) + " biases; " + std::to_string(rows) + " rows of " +
            std::to_string(columns) + " are needed");
  }
  /// Turned over, columns filled up with zeros to whole blocks of rows: a block's sums stay in registers while the
  /// columns go by, in the order that is written.
  static acceptance_weights::layer by_column(const acceptance_weights::layer& l, std::size_t rows, std::size_t columns,
                                             const char* name) {
    check(l, rows, columns, name);
    const std::size_t height = padded(rows);
    acceptance_weights::layer out{std::vector<float>(columns * height), l.bias};
    out.bias.resize(height);
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t c = 0; c < columns; ++c) out.weight[c * height + r] = l.weight[r * columns + c];
    return out;
  }
  /// out = W·x + b of the first `columns` values of x.
  static void apply(const acceptance_weights::layer& l, const std::vector<float>& x, std::size_t columns,
                    std::vector<float>& out) noexcept {
    detail::wide([&]() __attribute__((always_inline)) {
      const std::size_t height = out.size();
      for (std::size_t first = 0; first < height; first += rows_at_once) {
        float sums[rows_at_once];
        std::copy_n(l.bias.data() + first, rows_at_once, sums);
        const float* column = l.weight.data() + first;
        for (std::size_t c = 0; c < columns; ++c, column += height)
          for (std::size_t r = 0; r < rows_at_once; ++r) sums[r] += column[r] * x[c];
        std::copy_n(sums, rows_at_once, out.data() + first);
      }
    });
  }
  static constexpr std::size_t rows_at_once = 16;
  static constexpr std::size_t padded(std::size_t rows) noexcept {
    return (rows + rows_at_once - 1) / rows_at_once * rows_at_once;
  }

  std::size_t hidden_;
  std::size_t width_;
  acceptance_weights::layer input_;                // [hidden + 1, padded width]
  std::vector<acceptance_weights::layer> blocks_;  // [width, padded width]
  std::vector<float> output_;                      // [width]
  float output_bias_ = 0;
  std::vector<float> x_, z_, step_;
};

}  // namespace hunch
