// The table of divergences: the twin of _formulas/generators.py, one struct for each of its rows
// that have no parameters. Slopes by y of symmetric ones are those by x of the entry mirrored.
#pragma once

#include "entries.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// What rows have in common: `weight` is that of the mixtures which have one.
struct Generator {
    double weight;
    Blend blend;
    explicit Generator(double w) : weight(w), blend(Blend::of(w)) {}
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

struct KL : Generator {
    using Generator::Generator;
    RELENTROPY_TERM(term) { return e.kl(); }
    RELENTROPY_TERM(by_x) { return e.log_ratio(); }
    RELENTROPY_TERM(by_y) { return -e.excess(); }
    RELENTROPY_X_BY_X
    RELENTROPY_TERM(y_by_y) { return -e.gap; }
};

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
    RELENTROPY_TERM(term) { return 0.5 * magnitude(e.gap); }
    RELENTROPY_TERM(by_x) {
        return choose(e.gap > 0.0, 0.5, choose(e.gap < 0.0, -0.5, 0.0 * e.gap));
    }
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

// Another row with x and y exchanged.
template <class Row>
struct Swapped : Row {
    using Row::Row;
    RELENTROPY_TERM(term) { return Row::term(e.mirrored()); }
    RELENTROPY_TERM(by_x) { return Row::by_y(e.mirrored()); }
    RELENTROPY_TERM(by_y) { return Row::by_x(e.mirrored()); }
    RELENTROPY_TERM(x_by_x) { return Row::y_by_y(e.mirrored()); }
    RELENTROPY_TERM(y_by_y) { return Row::x_by_x(e.mirrored()); }
};

// --- sums and slopes of blocks ------------------------------------------------------------------

// Of a part of a row: terms, the means that shares take from their derivatives, and what the row
// needs for the numbers that are kept.
struct Sums {
    Pair<double> terms, by_x, by_y, more;
    friend Sums merge(const Sums &one, const Sums &other) {
        return {add_sums(one.terms, other.terms), add_sums(one.by_x, other.by_x),
                add_sums(one.by_y, other.by_y), add_sums(one.more, other.more)};
    }
};

template <bool EXACT, bool EASY, bool MEANS, class Row, class Known>
RELENTROPY_BLOCK Sums sums_of(const Row &generator, const Known &row, const double *p,
                              const double *q, int n) {
    Pair<Lanes> terms{}, by_x{}, by_y{};
    for (int i = 0; i < n; i += LANES) {
        const auto e = row.template entry<EASY>(load(p + i), load(q + i));
        collect<EXACT>(terms, generator.term(e));
        if constexpr (MEANS) {
            collect<EXACT>(by_x, generator.x_by_x(e));
            collect<EXACT>(by_y, generator.y_by_y(e));
        }
    }
    return {gathered(terms), gathered(by_x), gathered(by_y), {0.0, 0.0}};
}

// A slope less the mean of all; as it is where it is infinite.
RELENTROPY_FN Lanes about(Lanes slope, Lanes mean) {
    Mask steep = magnitude(slope) == INF;
    return choose(steep, slope, choose(steep, 0.0, slope) - mean);
}

// What a row's gradient needs beside its numbers.
struct Means {
    double p, q;
    double unit;  // what a unit of the sum of terms is to the result
};

template <bool BY_Q, class Row, class Known>
RELENTROPY_BLOCK void divergence_slopes(const Row &generator, const Known &row, const Means &means,
                                        Seed seed, const double *p, const double *q, int n,
                                        double *to) {
    const double scale = BY_Q ? row.q_unit() : row.p_unit();
    for (int i = 0; i < n; i += LANES) {
        const auto e = row.template entry<false>(load(p + i), load(q + i));
        Lanes slope;
        if constexpr (Known::WEIGHTED && BY_Q) {
            slope = about(generator.y_by_y(e), e.mirrored().x_times(all<Lanes>(means.q)));
        } else if constexpr (Known::WEIGHTED) {
            slope = about(generator.x_by_x(e), e.x_times(all<Lanes>(means.p)));
        } else if constexpr (BY_Q) {
            slope = about(generator.by_y(e), all<Lanes>(means.q));
        } else {
            slope = about(generator.by_x(e), all<Lanes>(means.p));
        }
        store(to + i, times(seed, slope * means.unit * scale));
    }
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
