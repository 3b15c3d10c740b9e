#include "trap.hpp"

#include "dispatch.hpp"

#if defined(HUNCH_CPU_AMX)

#include <ucontext.h>
#include <csignal>
#include <cstring>

#include "tile_model.hpp"

namespace hunch::test {
namespace {

struct sigaction before;  // what tile_trap replaced

constexpr int registers[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                               REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

struct operand {
  char* at = nullptr;         // base and displacement, and the index too where it is no stride
  std::ptrdiff_t stride = 0;  // index * scale
  std::size_t bytes = 0;      // after the ModRM byte
};

// Memory that a ModRM byte at `modrm` names; r8 to r15 by the bits x and b of the prefix.
operand memory_of(const ucontext_t& c, const std::uint8_t* modrm, unsigned x, unsigned b) {
  operand out;
  const auto value = [&](unsigned r) { return static_cast<std::ptrdiff_t>(c.uc_mcontext.gregs[registers[r]]); };
  const unsigned mode = *modrm >> 6u;
  unsigned base = *modrm & 7u;
  std::ptrdiff_t at = 0;
  if (base == 4) {
    const unsigned sib = modrm[++out.bytes];
    base = sib & 7u;
    const unsigned index = (sib >> 3u & 7u) | x << 3u;
    if (index != 4) out.stride = value(index) << (sib >> 6u);
  }
  if (mode == 1) at = static_cast<std::int8_t>(modrm[1 + out.bytes]);
  if (mode == 2) {
    std::int32_t far;
    std::memcpy(&far, modrm + 1 + out.bytes, 4);
    at = far;
  }
  out.bytes += mode == 1 ? 1 : mode == 2 ? 4 : 0;
  out.at = reinterpret_cast<char*>(at + value(base | b << 3u));
  return out;
}

// C4, then [R X B | map], [W | vvvv | L | pp], opcode, ModRM. False: not an instruction that the kernels have.
bool run_instruction(ucontext_t& c) {
  const auto* code = reinterpret_cast<const std::uint8_t*>(c.uc_mcontext.gregs[REG_RIP]);
  if (code[0] != 0xc4 || (code[1] & 0x9fu) != 0x82u || (code[2] & 0x84u) != 0) return false;
  const unsigned flipped[] = {code[1] ^ 0xffu, code[2] ^ 0xffu};  // registers are written upside down
  const unsigned prefix = code[2] & 3u;                           // none, 66, F3, F2
  const int vvvv = static_cast<int>(flipped[1] >> 3u & 15u);
  const std::uint8_t* modrm = code + 4;
  const int reg = *modrm >> 3u & 7u;
  const int rm = *modrm & 7u;
  const bool in_memory = *modrm >> 6u != 3u;
  const operand m = in_memory ? memory_of(c, modrm, flipped[0] >> 6u & 1u, flipped[0] >> 5u & 1u) : operand{};
  switch (unsigned{code[3]} << 4u | (in_memory ? 8u : 0u) | prefix) {
    case 0x498:
      tiles().configure(m.at + m.stride);
      break;
    case 0x490:
      tiles().release();
      break;
    case 0x493:
      tiles().zero(reg);
      break;
    case 0x4bb:
      tiles().load(reg, m.at, m.stride);
      break;
    case 0x4ba:
      tiles().store(reg, m.at, m.stride);
      break;
    case 0x5e2:
    case 0x5e3:
      tiles().multiply_add(reg, rm, vvvv, prefix == 3);
      break;
    default:
      return false;
  }
  c.uc_mcontext.gregs[REG_RIP] += static_cast<greg_t>(5 + m.bytes);
  return true;
}

// What is no tile instruction runs again, into the handler that was there before.
void trapped(int, siginfo_t*, void* context) {
  if (!run_instruction(*static_cast<ucontext_t*>(context))) sigaction(SIGILL, &before, nullptr);
}

}  // namespace

const cpu::kernel_table* trapped_kernels() {
  return cpu::available(cpu::isa::avx512) && !cpu::available(cpu::isa::amx) ? &cpu::amx::table() : nullptr;
}

tile_trap::tile_trap() {
  struct sigaction action = {};
  action.sa_sigaction = trapped;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGILL, &action, &before);
}
tile_trap::~tile_trap() { sigaction(SIGILL, &before, nullptr); }

}  // namespace hunch::test

#else

namespace hunch::test {
const cpu::kernel_table* trapped_kernels() { return nullptr; }
tile_trap::tile_trap() {}
tile_trap::~tile_trap() {}
}  // namespace hunch::test

#endif
