// The law that siblings of a draft tree were drawn from: what decides which verifier is exact for them.
#pragma once

#include <string>

namespace hunch {

/// A set of sibling laws. A drafter declares those that its trees may carry (`static constexpr laws sibling_laws`), a
/// verifier those that it is exact for; a pair that would be biased does not compile.
struct laws {
  unsigned bits = 0;

  [[nodiscard]] constexpr bool contains(laws other) const noexcept { return (other.bits & ~bits) == 0; }
  [[nodiscard]] friend constexpr laws operator|(laws a, laws b) noexcept { return {a.bits | b.bits}; }
  [[nodiscard]] friend constexpr bool operator==(laws, laws) = default;
};

/// Chosen, not drawn: no q row. Tested as if q were 1.
inline constexpr laws deterministic{1};
/// One after another from q(parent) without the siblings before; a chain is the case of one child.
inline constexpr laws without_replacement{2};
/// With the noise of the target's own draw at that position: the draft equals the target's token as often as their
/// laws allow. Only `match` is exact for it.
inline constexpr laws coupled{4};
/// Independent draws from q(parent): a token may come up more than once, and each time is a trial of its own. Drafts
/// under one node share it; tree.draws(parent) lists the trials in order.
inline constexpr laws iid{8};
/// SpecHub's pairs: the first from q(parent); the second is q's largest token, or, if that came first, another one
/// from q without it.
inline constexpr laws joint_pair{16};
/// For verifiers that never ask how a tree was made.
inline constexpr laws any_law{31};

/// "coupled, iid": for messages.
[[nodiscard]] inline std::string names_of(laws set) {
  constexpr struct {
    laws law;
    const char* name;
  } known[] = {{deterministic, "deterministic"},
               {without_replacement, "without_replacement"},
               {coupled, "coupled"},
               {iid, "iid"},
               {joint_pair, "joint_pair"}};
  std::string out;
  for (const auto& k : known)
    if (set.contains(k.law)) out += (out.empty() ? "" : ", ") + std::string{k.name};
  return out;
}

/// A drafter that says nothing keeps the contract of draft_tree: drawn where it leaves a q row, chosen where not.
template <class D>
[[nodiscard]] constexpr laws laws_of() noexcept {
  if constexpr (requires { D::sibling_laws; })
    return D::sibling_laws;
  else
    return deterministic | without_replacement;
}

}  // namespace hunch
