// What the pages take for granted in fragments: a model, a draft model, a text and what is done with tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <hunch/core.hpp>
#include <hunch/testing/toy_backend.hpp>

extern hunch::testing::toy_backend target;
extern hunch::testing::toy_backend draft;
extern hunch::temperature warp;
extern hunch::with_length<hunch::prompt_lookup, hunch::fixed_length> drafter;
extern hunch::any_decoder decoder;
extern const std::vector<hunch::token> prompt;
extern const std::vector<hunch::token> eos;
extern const std::size_t vocab_size;
extern const std::uint64_t seed;

std::string_view bytes_of(hunch::token t);
void print(hunch::token t);
void print(std::string_view text);
void print(hunch::token t, double raw, double processed);
