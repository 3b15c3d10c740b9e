// The kernels of the matrix unit over the model of its tiles and scalar lanes: run anywhere.
#pragma once

#include "kernels/table.hpp"

namespace hunch::cpu::amx_model {
const kernel_table& table();
}
