// The key-value part of a GGUF file with typed getters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

namespace hunch::gguf {

/// Value types by their number in the file.
enum class value_type : std::uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};

/// One key with its value, still encoded; checked while the file was read.
struct metadata_entry {
  std::string_view key;
  value_type type = value_type::u8;     // `array`: see element and count
  value_type element = value_type::u8;  // type of the elements of an array
  std::uint64_t count = 1;              // elements of an array
  std::span<const std::byte> bytes;     // a string without its length; an array with its strings' lengths
};

template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};

/// Keys and values. Views that it hands out live as long as the bytes of the file.
class metadata {
 public:
  /// `name` stands for the file in messages.
  explicit metadata(std::string name) : name_{std::move(name)} {}

  /// Value of `key` as T, or nothing when the file has no such key.
  ///
  /// T: bool, an integer, float, double, std::string_view, std::string, or a std::vector of one of them.
  /// Integers convert between widths and signs when the value fits; nothing else converts.
  /// Throws hunch::error naming the key, its type and the wanted one when the value is of another kind.
  /// Cost: O(1), O(size) for vectors.
  template <class T>
  [[nodiscard]] std::optional<T> get(std::string_view key) const {
    const metadata_entry* e = find(key);
    if (e == nullptr) return std::nullopt;
    return convert<T>(*e);
  }

  /// Value of `key` as T. Throws hunch::error naming the key and the type also when the key is missing.
  template <class T>
  [[nodiscard]] T require(std::string_view key) const {
    const metadata_entry* e = find(key);
    if (e == nullptr) missing(key, wanted_name<T>());
    return convert<T>(*e);
  }

  [[nodiscard]] const metadata_entry* find(std::string_view key) const noexcept;
  [[nodiscard]] bool contains(std::string_view key) const noexcept { return find(key) != nullptr; }
  [[nodiscard]] std::span<const metadata_entry> entries() const noexcept { return entries_; }  // in file order
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// Appends an entry; false when the key exists already. Used while reading a file.
  bool add(const metadata_entry& entry);

 private:
  template <class T>
  [[nodiscard]] static std::string_view wanted_name() noexcept {
    if constexpr (is_vector<T>::value) return "array";
    if constexpr (std::is_same_v<T, bool>) return "bool";
    if constexpr (std::is_integral_v<T>) return std::is_signed_v<T> ? "integer" : "unsigned integer";
    if constexpr (std::is_floating_point_v<T>) return "float";
    return "string";
  }

  template <class T>
  [[nodiscard]] T convert(const metadata_entry& e) const {
    if constexpr (is_vector<T>::value) {
      check_array(e);
      T out;
      out.reserve(static_cast<std::size_t>(e.count));  // bounded by the bytes of the file, checked while reading
      std::size_t offset = 0;
      for (std::uint64_t i = 0; i < e.count; ++i)
        out.push_back(convert<typename T::value_type>(next_element(e, offset)));
      return out;
    } else if constexpr (std::is_same_v<T, bool>) {
      return read_bool(e);
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      return static_cast<T>(read_signed(e, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
    } else if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(read_unsigned(e, std::numeric_limits<T>::max()));
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<T>(read_float(e));
    } else {
      static_assert(std::is_same_v<T, std::string_view> || std::is_same_v<T, std::string>,
                    "hunch: metadata is read as bool, integer, float, double, string, string_view or a vector of one");
      return T{read_string(e)};
    }
  }

  void check_array(const metadata_entry& e) const;
  [[nodiscard]] metadata_entry next_element(const metadata_entry& array, std::size_t& offset) const;
  [[nodiscard]] bool read_bool(const metadata_entry& e) const;
  [[nodiscard]] std::int64_t read_signed(const metadata_entry& e, std::int64_t low, std::int64_t high) const;
  [[nodiscard]] std::uint64_t read_unsigned(const metadata_entry& e, std::uint64_t high) const;
  [[nodiscard]] double read_float(const metadata_entry& e) const;
  [[nodiscard]] std::string_view read_string(const metadata_entry& e) const;
  [[noreturn]] void missing(std::string_view key, std::string_view wanted) const;
  [[noreturn]] void mismatch(const metadata_entry& e, const std::string& wanted) const;

  std::string name_;
  std::vector<metadata_entry> entries_;
  std::unordered_map<std::string_view, std::size_t> index_;  // keys view the bytes of the file
};

/// Name of a value type for messages: "uint32", "string".
[[nodiscard]] std::string_view name_of(value_type type) noexcept;
/// Bytes of one value, 0 for strings and arrays.
[[nodiscard]] std::size_t size_of(value_type type) noexcept;

}  // namespace hunch::gguf
