// What rows are asked on the device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <hunch/core/device_rows.hpp>
#include <hunch/core/types.hpp>

#include "questions.hpp"
#include "runtime.hpp"
#include "sequence_state.hpp"

namespace hunch::cuda::detail {

/// Tokens that the device finds for the last pass of `s`; from the last answer where the question is the same.
[[nodiscard]] std::span<const token> ask(const sequence_state& s, const device_answers::question& what);

/// Queues the work; the answer is there when the stream has done it.
void ask(stream& s, const draw_question& what);
void ask(stream& s, pass_block* pass, const chain_link& what);
/// Rows of a pass from number `first` on get the tokens that were drawn for them; the root, number 0, has its own.
void take_drawn(stream& s, pass_block* pass, const std::int32_t* drawn, std::size_t first);
void ask(stream& s, const children_question& what, std::size_t rows);
void ask(stream& s, const verdict_question& what, std::size_t nodes);

/// Room on the device for the law of the children of a node.
[[nodiscard]] kept_law& law_of(const sequence_state& s, std::size_t node);
/// The same for a tree, once it is there.
[[nodiscard]] far_law left_at(const kept_law& law) noexcept;

}  // namespace hunch::cuda::detail
