// What PCRE2 says about a pattern and a text.
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8  // PCRE2's header asks for it
#include <pcre2.h>

#include <memory>
#include <stdexcept>
#include <string_view>

namespace hunch::test {

/// A pattern of PCRE2 that a text must match as a whole, in UTF-8.
class pcre2_pattern {
 public:
  explicit pcre2_pattern(std::string_view pattern) {
    int code = 0;
    PCRE2_SIZE at = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                              PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED, &code, &at, nullptr));
    if (code_) match_.reset(pcre2_match_data_create(1, nullptr));
  }
  [[nodiscard]] bool valid() const { return code_ != nullptr; }
  /// False for texts that are no UTF-8 too.
  [[nodiscard]] bool matches(std::string_view text) const {
    const int found =
        pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0, match_.get(), nullptr);
    if (found == PCRE2_ERROR_MATCHLIMIT) throw std::runtime_error("PCRE2 gave up on a pattern of a test");
    return found >= 0;
  }

 private:
  struct free_code {
    void operator()(pcre2_code* p) const { pcre2_code_free(p); }
  };
  struct free_match {
    void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
  };
  std::unique_ptr<pcre2_code, free_code> code_;
  std::unique_ptr<pcre2_match_data, free_match> match_;
};

}  // namespace hunch::test
