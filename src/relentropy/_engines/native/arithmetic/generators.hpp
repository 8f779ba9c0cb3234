// The table of divergences: the twin of _formulas/generators.py, one struct for each of its rows
// that have no parameters. Relative entropy has kernels of its own, in kl.hpp. Slopes by y of symmetric ones are those by x of the entry mirrored.
#pragma once

#include <utility>

#include "entries.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// What rows have in common: `weight` is that of the mixtures which have one.
struct Generator {
  double weight;
  Blend blend;
  explicit Generator(double w) : weight(w), blend(Blend::of(w)) {}

  static constexpr bool ORDERED = false;  // whether each row has an order, in place of the weight
  // Whether terms are differences, and their sum is off by as much as a normaliser is.
  static constexpr bool PLAIN = false;
};

#define RELENTROPY_TERM(name) \
    template <class E>        \
    RELENTROPY_METHOD Lanes name(const E &e) const

// What of a symmetric row follows from its slopes by x.
#define RELENTROPY_SYMMETRIC                                                 \
    RELENTROPY_TERM(by_y) { return by_x(e.mirrored()); }                     \
    RELENTROPY_TERM(y_by_y) { return x_by_x(e.mirrored()); }
// What follows from slopes that need no care when a mass is multiplied with them.
#define RELENTROPY_X_BY_X \
    RELENTROPY_TERM(x_by_x) { return e.x_times(by_x(e)); }
#define RELENTROPY_Y_BY_Y \
    RELENTROPY_TERM(y_by_y) { return e.mirrored().x_times(by_y(e)); }

struct Jeffreys : Generator {
  using Generator::Generator;
  RELENTROPY_TERM(term) {
    Lanes value = e.gap_times(e.live_log_ratio());
    if constexpr (E::EASY) return value;
    return choose(e.live(), value, choose(e.only_x() | e.only_y(), INF, Lanes{}));
  }
  RELENTROPY_TERM(by_x) { return e.log_ratio() - e.mirrored().excess(); }
  RELENTROPY_TERM(x_by_x) { return e.x_times(e.log_ratio()) + e.gap; }
  RELENTROPY_SYMMETRIC
};

struct JensenShannon : Generator {
  explicit JensenShannon(double) : Generator(0.5) {}
  RELENTROPY_TERM(term) { return e.jensen_shannon(); }
  RELENTROPY_TERM(by_x) { return 0.5 * e.log_of_mixture(e, blend); }
  RELENTROPY_X_BY_X
  RELENTROPY_SYMMETRIC
};

struct SkewJensenShannon : Generator {
  using Generator::Generator;
  RELENTROPY_TERM(term) {
    const E other = e.mirrored();
    return blend.x.hi * e.kl_to_mixture(e, blend) +
           blend.y.hi * other.kl_to_mixture(other, blend.mirrored());
  }
  RELENTROPY_TERM(by_x) { return blend.x.hi * e.log_of_mixture(e, blend); }
  RELENTROPY_TERM(by_y) {
    const E other = e.mirrored();
    return blend.y.hi * other.log_of_mixture(other, blend.mirrored());
  }
  RELENTROPY_X_BY_X
  RELENTROPY_Y_BY_Y
};

struct SkewKL : Generator {
  using Generator::Generator;
  RELENTROPY_TERM(term) { return e.kl_to_mixture(e, blend); }
  RELENTROPY_TERM(by_x) {
    const double v = blend.x.hi, w = blend.y.hi;
    Lanes excess = e.from_mixture(e, blend);
    // log(x/m) - v*excess: close ones nearly cancel
    Mask near = (excess > -0.5) & (excess < 1.0);
    Lanes close = w * excess + log1pmx(choose(near, excess, 0.0));
    return choose(near, close, e.log_of_mixture(e, blend) - v * excess);
  }
  RELENTROPY_TERM(by_y) { return -blend.y.hi * e.from_mixture(e, blend); }
  RELENTROPY_X_BY_X
  RELENTROPY_Y_BY_Y
};

struct SquaredHellinger : Generator {
  using Generator::Generator;
  RELENTROPY_TERM(term) { return e.hellinger(); }
  RELENTROPY_TERM(by_x) { return -0.5 * expm1(-0.5 * e.log_ratio()); }
  // The gap times half the first root's share of both.
  RELENTROPY_TERM(x_by_x) {
    Lanes one = e.root_x(), total = one + e.mirrored().root_x();
    return e.gap * (0.5 * (one / choose(total > 0.0, total, 1.0)));
  }
  RELENTROPY_SYMMETRIC
};

struct TotalVariation : Generator {
  using Generator::Generator;
  static constexpr bool PLAIN = true;
  RELENTROPY_TERM(term) { return 0.5 * magnitude(e.gap); }
  RELENTROPY_TERM(by_x) { return choose(e.gap > 0.0, 0.5, choose(e.gap < 0.0, -0.5, 0.0 * e.gap)); }
  RELENTROPY_X_BY_X
  RELENTROPY_SYMMETRIC
};

struct Pearson : Generator {
  using Generator::Generator;
  RELENTROPY_TERM(term) { return e.chi2(); }
  RELENTROPY_TERM(by_x) { return 2.0 * e.excess(); }
  RELENTROPY_TERM(by_y) {
    Lanes excess = e.excess();
    return -excess * (2.0 + excess);
  }
  RELENTROPY_TERM(x_by_x) {  // below, the square and the gap nearly cancel
    return 2.0 * choose(e.gap > 0.0, e.chi2() + e.gap, e.x_times(e.excess()));
  }
  RELENTROPY_TERM(y_by_y) { return -(e.chi2() + 2.0 * e.gap); }
};

struct Triangular : Generator {
  using Generator::Generator;
  RELENTROPY_TERM(term) { return e.gap * e.spread(e); }
  RELENTROPY_TERM(by_x) {
    Lanes t = e.spread(e);
    return t * (2.0 - t);
  }
  RELENTROPY_X_BY_X
  RELENTROPY_SYMMETRIC
};

// --- sums and slopes of blocks ------------------------------------------------------------------

// A sum of terms; or, of differences of which the sum has to be zero, those of either sign, and
// how much of y is with the positive ones.
struct Terms {
  Pair<double> sum, other;
  double with, without;
  friend Terms merge(const Terms& one, const Terms& two) {
    return {add_sums(one.sum, two.sum), add_sums(one.other, two.other), one.with + two.with,
            one.without + two.without};
  }
  // Where y is off by a factor 1 + e, the two sums are by -e*with and e*without: from what
  // they differ by follows what both are.
  Pair<double> whole() const {
    const double y = with + without;
    if (!(y > 0)) return sum;
    const double more = (other.hi - sum.hi) + (other.lo - sum.lo);
    return with <= without ? add(sum, more * (with / y)) : add(other, -more * (without / y));
  }
};

template <class Row, bool EASY, class Known>
RELENTROPY_BLOCK Terms terms_of(const Row& generator, const Known& row, const double* p,
                                const double* q, int n) {
  Pair<Lanes> terms{}, others{};
  Lanes with{}, without{};
  for (int i = 0; i < n; i += LANES) {
    const auto e = row.template entry<EASY>(load(p + i), load(q + i));
    if constexpr (Row::PLAIN && Known::WEIGHTED && Known::EXACT) {
      Mask above = e.gap > 0.0;
      collect<true>(terms, choose(above, e.gap, 0.0));
      collect<true>(others, choose(above, 0.0, -e.gap));
      with += choose(above, e.y, 0.0), without += choose(above, 0.0, e.y);
    } else {
      collect<Known::EXACT>(terms, generator.term(e));
    }
  }
  return {gathered(terms), gathered(others), sum_of(with), sum_of(without)};
}

// A slope less the mean of all; as it is where it is infinite.
RELENTROPY_FN Lanes about(Lanes slope, Lanes mean) {
  Mask steep = magnitude(slope) == INF;
  return choose(steep, slope, choose(steep, 0.0, slope) - mean);
}

// How fast terms change with the shares, or, WEIGHTED, with their logarithms, less a share of the
// mean of all. Either side may be left out.
template <class Row, bool WEIGHTED, class Known>
RELENTROPY_BLOCK void rates_of(const Row& generator, const Known& row, double mean_x, double mean_y,
                               const double* p, const double* q, int n, double* to_x,
                               double* to_y) {
  for (int i = 0; i < n; i += LANES) {
    const auto e = row.far_entry(load(p + i), load(q + i));
    if constexpr (WEIGHTED) {
      if (to_x) store(to_x + i, about(generator.x_by_x(e), e.x_times(all<Lanes>(mean_x))));
      if (to_y) {
        Lanes mean = e.mirrored().x_times(all<Lanes>(mean_y));
        store(to_y + i, about(generator.y_by_y(e), mean));
      }
    } else {
      if (to_x) store(to_x + i, about(generator.by_x(e), all<Lanes>(mean_x)));
      if (to_y) store(to_y + i, about(generator.by_y(e), all<Lanes>(mean_y)));
    }
  }
}

// One generator's functions of a block, for all of it that is not a row's own.
template <class Known, class Kept>
struct Functions {
  Terms (*easy)(double, const Known&, const double*, const double*, int);
  Terms (*far)(double, const Known&, const double*, const double*, int);
  void (*weighted)(double, const Known&, double, double, const double*, const double*, int, double*,
                   double*);
  void (*rates)(double, const Kept&, double, double, const double*, const double*, int, double*,
                double*);
};

template <class Row, bool EASY, class Known>
Terms terms_by(double weight, const Known& row, const double* p, const double* q, int n) {
  return terms_of<Row, EASY>(Row(weight), row, p, q, n);
}
template <class Row, bool WEIGHTED, class Known>
void rates_by(double weight, const Known& row, double mean_p, double mean_q, const double* p,
              const double* q, int n, double* by_p, double* by_q) {
  rates_of<Row, WEIGHTED>(Row(weight), row, mean_p, mean_q, p, q, n, by_p, by_q);
}

template <class Row, class Known, class Kept>
Functions<Known, Kept> functions_of() {
  return {terms_by<Row, true, Known>, terms_by<Row, false, Known>, rates_by<Row, true, Known>,
          rates_by<Row, Kept::WEIGHTED, Kept>};
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
