#include <hunch/gguf/metadata.hpp>

#include "byte_reader.hpp"

namespace hunch::gguf {

std::string_view name_of(value_type type) noexcept {
  switch (type) {
    case value_type::u8:
      return "uint8";
    case value_type::i8:
      return "int8";
    case value_type::u16:
      return "uint16";
    case value_type::i16:
      return "int16";
    case value_type::u32:
      return "uint32";
    case value_type::i32:
      return "int32";
    case value_type::f32:
      return "float32";
    case value_type::boolean:
      return "bool";
    case value_type::string:
      return "string";
    case value_type::array:
      return "array";
    case value_type::u64:
      return "uint64";
    case value_type::i64:
      return "int64";
    case value_type::f64:
      return "float64";
  }
  return "unknown";
}

std::size_t size_of(value_type type) noexcept {
  switch (type) {
    case value_type::u8:
    case value_type::i8:
    case value_type::boolean:
      return 1;
    case value_type::u16:
    case value_type::i16:
      return 2;
    case value_type::u32:
    case value_type::i32:
    case value_type::f32:
      return 4;
    case value_type::u64:
    case value_type::i64:
    case value_type::f64:
      return 8;
    case value_type::string:
    case value_type::array:
      return 0;
  }
  return 0;
}

const metadata_entry* metadata::find(std::string_view key) const noexcept {
  const auto it = index_.find(key);
  return it == index_.end() ? nullptr : &entries_[it->second];
}

bool metadata::add(const metadata_entry& entry) {
  if (!index_.try_emplace(entry.key, entries_.size()).second) return false;
  entries_.push_back(entry);
  return true;
}

void metadata::check_array(const metadata_entry& e) const {
  if (e.type != value_type::array) mismatch(e, "an array");
}

metadata_entry metadata::next_element(const metadata_entry& array, std::size_t& offset) const {
  std::size_t size = size_of(array.element);
  if (array.element == value_type::string) {
    size = static_cast<std::size_t>(load<std::uint64_t>(array.bytes.data() + offset));
    offset += sizeof(std::uint64_t);
  }
  const metadata_entry out{array.key, array.element, array.element, 1, array.bytes.subspan(offset, size)};
  offset += size;
  return out;
}

bool metadata::read_bool(const metadata_entry& e) const {
  if (e.type != value_type::boolean) mismatch(e, "a bool");
  return e.bytes[0] != std::byte{0};
}

namespace {

// An integer of the file as sign and magnitude, so that every width fits.
struct whole {
  bool negative;
  std::uint64_t magnitude;
};

template <class T>
whole from_signed(const metadata_entry& e) {
  const std::int64_t v = load<T>(e.bytes.data());
  const auto bits = static_cast<std::uint64_t>(v);
  return v < 0 ? whole{true, 0 - bits} : whole{false, bits};
}

bool read_whole(const metadata_entry& e, whole& out) {
  const std::byte* p = e.bytes.data();
  switch (e.type) {
    case value_type::u8:
      out = {false, load<std::uint8_t>(p)};
      return true;
    case value_type::u16:
      out = {false, load<std::uint16_t>(p)};
      return true;
    case value_type::u32:
      out = {false, load<std::uint32_t>(p)};
      return true;
    case value_type::u64:
      out = {false, load<std::uint64_t>(p)};
      return true;
    case value_type::i8:
      out = from_signed<std::int8_t>(e);
      return true;
    case value_type::i16:
      out = from_signed<std::int16_t>(e);
      return true;
    case value_type::i32:
      out = from_signed<std::int32_t>(e);
      return true;
    case value_type::i64:
      out = from_signed<std::int64_t>(e);
      return true;
    default:
      return false;
  }
}

}  // namespace

std::int64_t metadata::read_signed(const metadata_entry& e, std::int64_t low, std::int64_t high) const {
  whole v{};
  const auto wanted = [&] { return "an integer from " + std::to_string(low) + " to " + std::to_string(high); };
  if (!read_whole(e, v)) mismatch(e, wanted());
  const auto limit = v.negative ? 0 - static_cast<std::uint64_t>(low) : static_cast<std::uint64_t>(high);
  if (v.magnitude > limit) mismatch(e, wanted());
  return static_cast<std::int64_t>(v.negative ? 0 - v.magnitude : v.magnitude);
}

std::uint64_t metadata::read_unsigned(const metadata_entry& e, std::uint64_t high) const {
  whole v{};
  if (!read_whole(e, v) || v.negative || v.magnitude > high)
    mismatch(e, "an integer from 0 to " + std::to_string(high));
  return v.magnitude;
}

double metadata::read_float(const metadata_entry& e) const {
  if (e.type == value_type::f32) return static_cast<double>(load<float>(e.bytes.data()));
  if (e.type == value_type::f64) return load<double>(e.bytes.data());
  mismatch(e, "a float");
}

std::string_view metadata::read_string(const metadata_entry& e) const {
  if (e.type != value_type::string) mismatch(e, "a string");
  return as_text(e.bytes);
}

void metadata::missing(std::string_view key, std::string_view wanted) const {
  throw error("gguf: '" + name_ + "' has no key '" + std::string(key) + "' (" + std::string(wanted) +
              "), which is needed; the file is no language model or was made by an unfit converter: convert it again");
}

void metadata::mismatch(const metadata_entry& e, const std::string& wanted) const {
  whole v{};
  std::string found{name_of(e.type)};
  if (e.type == value_type::array) found += " of " + std::string(name_of(e.element));
  if (read_whole(e, v)) found += std::string(v.negative ? " -" : " ") + std::to_string(v.magnitude);
  throw error("gguf: key '" + std::string(e.key) + "' of '" + name_ + "' is " + found + " where " + wanted +
              " is needed; the file is damaged or was made by an unfit converter: convert the model again");
}

}  // namespace hunch::gguf
