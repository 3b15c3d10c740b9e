// The table of one instruction set. Included once by scalar.cpp, avx2.cpp and avx512.cpp.
#pragma once

#include "attention.hpp"
#include "matmul.hpp"
#include "rowwise.hpp"

namespace hunch::cpu::HUNCH_ISA {

#define HUNCH_TEXT_OF(x) #x
#define HUNCH_NAME_OF(x) HUNCH_TEXT_OF(x)

const kernel_table table{
    .name = HUNCH_NAME_OF(HUNCH_ISA),
    .quantise_32 = quantise_32,
    .quantise_256 = quantise_256,
    .multiply = {multiply<f32_blocks>, multiply<f16_blocks>, multiply<bf16_blocks>, multiply<q4_0_blocks>,
                 multiply<q4_1_blocks>, multiply<q5_0_blocks>, multiply<q5_1_blocks>, multiply<q8_0_blocks>,
                 multiply<q4_k_blocks>, multiply<q5_k_blocks>, multiply<q6_k_blocks>},
    .attend = attend,
    .store_key = store_key,
    .store_value = store_value,
    .rms_norm = rms_norm,
    .rotate_pairs = rotate_pairs,
    .rotate_halves = rotate_halves,
    .silu_gate = silu_gate,
    .gelu_gate = gelu_gate,
    .add = add_rows,
};

}  // namespace hunch::cpu::HUNCH_ISA
