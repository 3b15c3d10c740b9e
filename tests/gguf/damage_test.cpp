// Files that are not as they should be: each is refused with where and why, none crashes or allocates wildly.
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <hunch/gguf/file.hpp>

#include "gguf/errors.hpp"
#include "gguf/gguf_writer.hpp"
#include "support/catch.hpp"

using namespace hunch;
using hunch::gguf::file;
using hunch::gguf::tensor_type;
using hunch::test::append;
using hunch::test::gguf_writer;
using hunch::test::says;

namespace {

constexpr std::uint64_t huge = std::uint64_t{1} << 63;
constexpr std::uint32_t f32_number = 0;

std::string refused(const test::bytes& bytes) {
  return test::refusal([&] { return file::from_bytes(bytes, "bad.gguf"); });
}
std::string refused(const gguf_writer& w) { return refused(w.build()); }

gguf_writer all_kinds() {
  const std::vector<float> values{1, 2, 3, 4};
  gguf_writer w;
  w.key("a.string", "text").key("a.bool", true).key("a.u8", std::uint8_t{1}).key("a.f64", 0.5);
  w.key("a.strings", std::vector<std::string>{"x", "", "yz"}).key("a.numbers", std::vector<std::int32_t>{1, 2, 3});
  w.tensor("t.one", {2, 2}, values);
  w.tensor("t.two", tensor_type::q4_0, {32}, test::bytes(18));
  return w;
}

}  // namespace

TEST_CASE("gguf: a file cut at any length is refused with the offset", "[gguf][damage]") {
  const auto whole = all_kinds().build();
  REQUIRE(refused(whole).empty());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const test::bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    INFO("cut after " << n << " of " << whole.size() << " bytes");
    CHECK(says(refused(cut), "'bad.gguf'", "offset "));
  }
}

TEST_CASE("gguf: a truncated header is refused with the offset", "[gguf][damage]") {
  auto bytes = gguf_writer{}.build();
  bytes.resize(20);
  CHECK(says(refused(bytes), "offset 16", "number of keys needs 8 bytes and 4 are left"));
}

TEST_CASE("gguf: any single damaged byte is refused or leaves all views within the file", "[gguf][damage]") {
  const auto whole = all_kinds().build();
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const unsigned wrong : {0x00U, 0x01U, 0x7FU, 0x80U, 0xFFU}) {
      auto bytes = whole;
      bytes[at] = static_cast<std::byte>(wrong);
      INFO("byte " << at << " is " << wrong);
      const auto message = test::refusal([&] {
        const auto f = file::from_bytes(bytes, "bad.gguf");
        for (const auto& t : f.tensors()) {
          CHECK(t.data.data() >= bytes.data());
          CHECK(t.data.data() + t.data.size() <= bytes.data() + bytes.size());
        }
        for (const auto& e : f.keys().entries())
          if (e.type == gguf::value_type::array && e.element == gguf::value_type::string)
            CHECK(f.require<std::vector<std::string_view>>(e.key).size() == e.count);
        return 0;
      });
      CHECK((message.empty() || says(message, "bad.gguf")));
    }
}

TEST_CASE("gguf: what is no GGUF file is refused", "[gguf][damage]") {
  CHECK(says(refused(test::bytes(64, std::byte{'x'})), "offset 0", "does not start with"));
}

TEST_CASE("gguf: unknown versions and big-endian files are refused", "[gguf][damage]") {
  CHECK(says(refused(gguf_writer{}.version(1)), "offset 4", "version 1"));
  CHECK(says(refused(gguf_writer{}.version(4)), "offset 4", "version 4"));
  CHECK(says(refused(gguf_writer{}.version(0)), "version 0"));
  CHECK(says(refused(gguf_writer{}.version(0x03000000)), "offset 4", "big-endian"));
}

TEST_CASE("gguf: counts that the file cannot hold are refused before anything is allocated", "[gguf][damage]") {
  for (const auto n : {std::uint64_t{1}, std::uint64_t{1} << 32, huge, std::numeric_limits<std::uint64_t>::max()}) {
    CHECK(says(refused(gguf_writer{}.claim_tensors(n)), "offset 8", std::to_string(n)));
    CHECK(says(refused(gguf_writer{}.claim_keys(n)), "offset 16", std::to_string(n)));
  }
}

TEST_CASE("gguf: lengths of strings that the file cannot hold are refused", "[gguf][damage]") {
  for (const auto n : {std::uint64_t{100}, huge, std::numeric_limits<std::uint64_t>::max()}) {
    test::bytes value;
    append(value, n);
    CHECK(says(refused(gguf_writer{}.raw_key("k", 8, value)), "key 'k' needs " + std::to_string(n)));
  }
}

TEST_CASE("gguf: lengths of arrays that the file cannot hold are refused", "[gguf][damage]") {
  for (const std::uint32_t element : {0U, 5U, 8U, 12U})
    for (const auto n : {std::uint64_t{100}, std::uint64_t{1} << 61, huge, std::numeric_limits<std::uint64_t>::max()}) {
      test::bytes value;
      append(value, element);
      append(value, n);
      CHECK(says(refused(gguf_writer{}.raw_key("k", 9, value)), "length of key 'k' is " + std::to_string(n)));
    }
}

TEST_CASE("gguf: arrays of arrays and unknown value types are refused", "[gguf][damage]") {
  test::bytes nested;
  append(nested, std::uint32_t{9});
  append(nested, std::uint64_t{0});
  CHECK(says(refused(gguf_writer{}.raw_key("k", 9, nested)), "array of arrays"));
  CHECK(says(refused(gguf_writer{}.raw_key("k", 13, test::bytes(8))), "is 13", "no value type"));
}

TEST_CASE("gguf: a bool that is neither 0 nor 1 is refused", "[gguf][damage]") {
  CHECK(says(refused(gguf_writer{}.raw_key("k", 7, {std::byte{2}})), "key 'k'", "neither 0 nor 1"));
}

TEST_CASE("gguf: keys and tensors that are there twice or have no name are refused", "[gguf][damage]") {
  const std::vector<float> one{1};
  CHECK(says(refused(gguf_writer{}.key("k", true).key("k", true)), "key 'k' is there twice"));
  CHECK(says(refused(gguf_writer{}.tensor("t", {1}, one).tensor("t", {1}, one)), "tensor 't' is there twice"));
  CHECK(says(refused(gguf_writer{}.key("", true)), "no name"));
  CHECK(says(refused(gguf_writer{}.tensor("", {1}, one)), "no name"));
}

TEST_CASE("gguf: an alignment that is no power of two from 8 on is refused", "[gguf][damage]") {
  for (const std::uint32_t a : {0U, 1U, 4U, 24U, 33U, 1U << 31})
    CHECK(says(refused(gguf_writer{}.key("general.alignment", a)), "general.alignment is " + std::to_string(a)));
  CHECK(says(refused(gguf_writer{}.key("general.alignment", "32")), "general.alignment", "string"));
}

TEST_CASE("gguf: numbers of dimensions other than 1 to 4 and dimensions of 0 are refused", "[gguf][damage]") {
  CHECK(says(refused(gguf_writer{}.raw_tensor("t", f32_number, {1, 1, 1, 1, 1}, 0)), "'t' has 5 dimensions"));
  gguf_writer none;
  none.raw_tensor("t", f32_number, {}, 0).raw_tensor("u", f32_number, {1, 1, 1}, 0);
  CHECK(says(refused(none), "'t' has 0 dimensions"));
  CHECK(says(refused(gguf_writer{}.raw_tensor("t", f32_number, {4, 0}, 0)), "'t' has a dimension of 0"));
}

TEST_CASE("gguf: shapes whose product overflows are refused", "[gguf][damage]") {
  const auto w = [](std::vector<std::uint64_t> shape) {
    return refused(gguf_writer{}.raw_tensor("t", f32_number, std::move(shape), 0));
  };
  CHECK(says(w({huge}), "'t' has more values"));
  CHECK(says(w({std::uint64_t{1} << 32, std::uint64_t{1} << 32}), "'t' has more values"));
  CHECK(says(w({std::uint64_t{1} << 62}), "'t' has more bytes"));
}

TEST_CASE("gguf: rows that are no whole blocks are refused", "[gguf][damage]") {
  CHECK(says(refused(gguf_writer{}.tensor("t", tensor_type::q4_k, {640}, test::bytes(360))), "640", "Q4_K", "256"));
}

TEST_CASE("gguf: unknown tensor types are refused with the tensor's name", "[gguf][damage]") {
  CHECK(says(refused(gguf_writer{}.raw_tensor("t", 31, {32}, 0)), "'t'", "31", "Q4_0_4_4"));
  CHECK(says(refused(gguf_writer{}.raw_tensor("t", 12345, {32}, 0)), "'t'", "12345"));
}

TEST_CASE("gguf: offsets beside the alignment or behind the end are refused", "[gguf][damage]") {
  const std::vector<float> values(64);
  const auto at = [&](std::uint64_t offset) {
    return refused(gguf_writer{}.tensor("real", {64}, values).raw_tensor("t", f32_number, {8}, offset));
  };
  CHECK(at(0).empty());
  CHECK(at(224).empty());
  CHECK(says(at(4), "'t' starts at 4", "alignment"));
  CHECK(says(at(256), "'t' needs 32 bytes from 256 on", "the data has 256"));
  CHECK(says(at(huge), "'t' needs 32 bytes"));
  // An offset that is fine and a size that wraps around when added to it.
  const std::uint64_t most = (std::uint64_t{1} << 62) - 1;
  CHECK(says(refused(gguf_writer{}.tensor("real", {64}, values).raw_tensor("t", f32_number, {most}, 32)),
             "'t' needs 18446744073709551612 bytes"));
  CHECK(says(at(std::numeric_limits<std::uint64_t>::max() - 31), "'t' needs 32 bytes"));
}

TEST_CASE("gguf: bytes that start at an odd address are refused", "[gguf][damage]") {
  const auto whole = all_kinds().build();
  test::bytes moved(whole.size() + 1);
  std::copy(whole.begin(), whole.end(), moved.begin() + 1);
  CHECK(says(test::refusal([&] { return file::from_bytes(std::span(moved).subspan(1), "odd"); }), "odd", "aligned"));
}
