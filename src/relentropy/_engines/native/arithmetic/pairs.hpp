// Numbers as unevaluated pairs, and the error-free transforms under them.
//
// Dekker (1971); Joldes, Muller and Popescu (2017). They hold as long as the compiler neither
// reorders sums nor contracts products with them: no fast-math, -ffp-contract=off.
#pragma once

#include "coefficients.hpp"
#include "lanes.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

template <class T>
struct Pair {
  T hi, lo;  // the number hi + lo; abs(lo) is at most half an ulp of hi
};

RELENTROPY_FN Pair<Lanes> choose(Mask mask, Pair<Lanes> one, Pair<Lanes> other) {
  return {choose(mask, one.hi, other.hi), choose(mask, one.lo, other.lo)};
}

// a + b without error; any magnitudes.
template <class T>
RELENTROPY_FN Pair<T> two_sum(T a, T b) {
  T total = a + b, part = total - a;
  return {total, (a - (total - part)) + (b - part)};
}

// The same where abs(a) >= abs(b).
template <class T>
RELENTROPY_FN Pair<T> fast_two_sum(T a, T b) {
  T total = a + b;
  return {total, b - (total - a)};
}

// a * b without error, as long as neither leaves the range.
template <class T>
RELENTROPY_FN Pair<T> two_prod(T a, T b) {
  T product = a * b;
#if RELENTROPY_HAS_FMA
  return {product, fma(a, b, -product)};
#else
  T c = SPLITTER * a, d = SPLITTER * b;
  T ah = c - (c - a), bh = d - (d - b);
  T al = a - ah, bl = b - bh;
  return {product, ((ah * bh - product) + ah * bl + al * bh) + al * bl};
#endif
}

template <class T>
RELENTROPY_FN Pair<T> add(Pair<T> a, T b) {
  Pair<T> sum = two_sum(a.hi, b);
  return fast_two_sum(sum.hi, sum.lo + a.lo);
}
template <class T>
RELENTROPY_FN Pair<T> add(Pair<T> a, Pair<T> b) {
  Pair<T> sum = two_sum(a.hi, b.hi);
  return fast_two_sum(sum.hi, sum.lo + (a.lo + b.lo));
}
template <class T>
RELENTROPY_FN Pair<T> subtract(Pair<T> a, Pair<T> b) {
  return add(a, Pair<T>{-b.hi, -b.lo});
}

// a / b, with the remainder of the division.
RELENTROPY_FN Pair<double> divide(Pair<double> a, Pair<double> b) {
  double quotient = a.hi / b.hi;
  Pair<double> product = two_prod(quotient, b.hi);
  double rest = (((a.hi - product.hi) - product.lo) + a.lo) - quotient * b.lo;
  double low = rest / b.hi;
  // Near the end of the range the transforms overflow before the quotient does.
  return {quotient, magnitude(low) < INF ? low : 0.0};
}

// a * b; a low word that has left the range is none.
template <class T>
RELENTROPY_FN Pair<T> multiply(Pair<T> a, Pair<T> b) {
  Pair<T> product = two_prod(a.hi, b.hi);
  T low = product.lo + (a.hi * b.lo + a.lo * b.hi);
  auto known = magnitude(low) < INF;
  Pair<T> sum = fast_two_sum(product.hi, choose(known, low, 0.0));
  return {choose(known, sum.hi, product.hi), choose(known, sum.lo, 0.0)};
}

RELENTROPY_FN bool finite(double x) { return magnitude(x) < INF; }
RELENTROPY_FN double finite_or_zero(double x) { return finite(x) ? x : 0.0; }

// Adds to a sum that carries what its roundings lose.
template <class T>
RELENTROPY_FN void accumulate(Pair<T>& sum, T x) {
  Pair<T> next = two_sum(sum.hi, x);
  sum = {next.hi, sum.lo + next.lo};
}
template <class T>
RELENTROPY_FN void accumulate(Pair<T>& sum, Pair<T> x) {
  Pair<T> next = two_sum(sum.hi, x.hi);
  sum = {next.hi, sum.lo + (next.lo + x.lo)};
}

// The same where that is wanted.
template <bool EXACT>
RELENTROPY_FN void collect(Pair<Lanes>& sum, Lanes x) {
  if constexpr (EXACT) accumulate(sum, x);
  else sum.hi += x;
}

// The sum of all lanes, in a tree; an infinite one has no error.
RELENTROPY_FN Pair<double> gathered(Pair<Lanes> sum) {
#if RELENTROPY_LANES > 1
  Pair<double> part[LANES];
  for (int i = 0; i < LANES; i++) part[i] = {sum.hi[i], sum.lo[i]};
  for (int half = LANES / 2; half; half /= 2) {
    for (int i = 0; i < half; i++) accumulate(part[i], part[i + half]);
  }
  Pair<double> all = part[0];
#else
  Pair<double> all = sum;
#endif
  if (!finite(all.hi)) return {all.hi, 0.0};
  return fast_two_sum(all.hi, finite(all.lo) ? all.lo : 0.0);
}

// The sum of two sums, either of which may be infinite.
RELENTROPY_FN Pair<double> add_sums(Pair<double> a, Pair<double> b) {
  double plain = a.hi + b.hi;
  return finite(plain) ? add(a, b) : Pair<double>{plain, 0.0};
}
RELENTROPY_FN Pair<double> merge(Pair<double> a, Pair<double> b) { return add_sums(a, b); }

}  // namespace RELENTROPY_SET
}  // namespace relentropy
