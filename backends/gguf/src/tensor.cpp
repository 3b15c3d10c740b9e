#include <array>
#include <hunch/core/error.hpp>
#include <hunch/gguf/tensor.hpp>

namespace hunch::gguf {
namespace {

struct row {
  tensor_type type;
  type_traits traits;
};

// Sizes are part of the format. K-quants and IQ types share blocks of 256 values, the older ones blocks of 32.
constexpr std::array<row, 32> table{{
    {tensor_type::f32, {"F32", 1, 4}},
    {tensor_type::f16, {"F16", 1, 2}},
    {tensor_type::q4_0, {"Q4_0", 32, 18}},
    {tensor_type::q4_1, {"Q4_1", 32, 20}},
    {tensor_type::q5_0, {"Q5_0", 32, 22}},
    {tensor_type::q5_1, {"Q5_1", 32, 24}},
    {tensor_type::q8_0, {"Q8_0", 32, 34}},
    {tensor_type::q8_1, {"Q8_1", 32, 36}},
    {tensor_type::q2_k, {"Q2_K", 256, 84}},
    {tensor_type::q3_k, {"Q3_K", 256, 110}},
    {tensor_type::q4_k, {"Q4_K", 256, 144}},
    {tensor_type::q5_k, {"Q5_K", 256, 176}},
    {tensor_type::q6_k, {"Q6_K", 256, 210}},
    {tensor_type::q8_k, {"Q8_K", 256, 292}},
    {tensor_type::iq2_xxs, {"IQ2_XXS", 256, 66}},
    {tensor_type::iq2_xs, {"IQ2_XS", 256, 74}},
    {tensor_type::iq3_xxs, {"IQ3_XXS", 256, 98}},
    {tensor_type::iq1_s, {"IQ1_S", 256, 50}},
    {tensor_type::iq4_nl, {"IQ4_NL", 32, 18}},
    {tensor_type::iq3_s, {"IQ3_S", 256, 110}},
    {tensor_type::iq2_s, {"IQ2_S", 256, 82}},
    {tensor_type::iq4_xs, {"IQ4_XS", 256, 136}},
    {tensor_type::i8, {"I8", 1, 1}},
    {tensor_type::i16, {"I16", 1, 2}},
    {tensor_type::i32, {"I32", 1, 4}},
    {tensor_type::i64, {"I64", 1, 8}},
    {tensor_type::f64, {"F64", 1, 8}},
    {tensor_type::iq1_m, {"IQ1_M", 256, 56}},
    {tensor_type::bf16, {"BF16", 1, 2}},
    {tensor_type::tq1_0, {"TQ1_0", 256, 54}},
    {tensor_type::tq2_0, {"TQ2_0", 256, 66}},
    {tensor_type::mxfp4, {"MXFP4", 32, 17}},
}};

constexpr std::string_view withdrawn_name(std::uint32_t number) noexcept {
  switch (number) {
    case 4:
      return "Q4_2";
    case 5:
      return "Q4_3";
    case 31:
      return "Q4_0_4_4";
    case 32:
      return "Q4_0_4_8";
    case 33:
      return "Q4_0_8_8";
    case 36:
      return "IQ4_NL_4_4";
    case 37:
      return "IQ4_NL_4_8";
    case 38:
      return "IQ4_NL_8_8";
    default:
      return {};
  }
}

}  // namespace

const type_traits& traits_of(tensor_type type) {
  for (const auto& r : table)
    if (r.type == type) return r.traits;
  const auto number = static_cast<std::uint32_t>(type);
  if (const auto name = withdrawn_name(number); !name.empty())
    throw error("gguf: tensor type " + std::to_string(number) + " (" + std::string(name) +
                ") was withdrawn from the format; quantise the model again to Q4_0 or Q4_K");
  throw error("gguf: tensor type " + std::to_string(number) +
              " is unknown; the file is damaged or newer than this reader: quantise the model to Q4_K, Q8_0 or F16");
}

}  // namespace hunch::gguf
