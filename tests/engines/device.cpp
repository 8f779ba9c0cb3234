// The kernels of a GPU as plain C++, in which the threads of a block take turns.
#define RELENTROPY_DEVICE
#define RELENTROPY_SCALAR
#define RELENTROPY_SET device
#include "registry.hpp"

extern "C" const char* name_of(int i) { return relentropy::device::KERNELS[i].name; }
extern "C" void run(int i, const relentropy::Call* call) { relentropy::device::KERNELS[i].run(*call); }
extern "C" int size_of_call() { return sizeof(relentropy::Call); }
