// Every kernel of this instruction set, under its name.
#pragma once
#include "cross_entropy.hpp"
#include "elementwise.hpp"
#include "generators.hpp"
#include "kl.hpp"
#include "logsumexp.hpp"
#include "token.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

#if !defined(RELENTROPY_DEVICE)  // where kernels are compiled one by one, each by its name

// `total` is for tests of the drivers.
constexpr Kernel KERNELS[] = {
    {"total", total, 1, 0, 1, 1, 3, 0}, RELENTROPY_KERNELS, {nullptr, nullptr, 0, 0, 0, 0, 0, 0}};

#endif

}  // namespace RELENTROPY_SET
}  // namespace relentropy
