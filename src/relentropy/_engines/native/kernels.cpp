// Compiled once for each instruction set, with RELENTROPY_SET its name.
//
// Whatever is defined in a header that this includes belongs to the namespace of the set: a
// function that two sets share would be kept once by the linker, for a processor of its choice.
#include "registry.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

const Kernel* table() { return KERNELS; }

}  // namespace RELENTROPY_SET
}  // namespace relentropy
