// Every kernel of this instruction set, under its name.
#pragma once
#include "generators.hpp"
#include "kl.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// What is for data of fewer digits than a double has, and what is for all of them.
#define BOTH(name) {#name, name<false>}, {#name "_exact", name<true>}

constexpr Kernel KERNELS[] = {
    {"total", total},
    BOTH(kl_logits), BOTH(kl_logits_slopes), BOTH(kl_weights), BOTH(kl_weights_slopes),
    RELENTROPY_DIVERGENCES,
    {nullptr, nullptr},
};
#undef BOTH

}  // namespace RELENTROPY_SET
}  // namespace relentropy
