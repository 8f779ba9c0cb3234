"""Write the truths that `relentropy.testing` carries: ``python -m tests.tables.audit``.

The operands are the library's (`relentropy.testing` draws them); what is right for them comes
from `tests.oracle`, as for all other tables.
"""

import argparse
import json
import lzma
import math
from multiprocessing import Pool
from pathlib import Path

from mpmath import mp

import relentropy.testing
from relentropy.testing._cases import STORE, SUFFIX, checksum, regimes, seeds, truths
from relentropy.testing._kinds import KINDS

from ..families.catalogue import FAMILIES
from ..oracle import evaluate, slopes
from ..oracle.condition import condition
from ..oracle.estimates import estimate, estimate_slope
from ..oracle.exact import FORMATS
from .regenerate import condition_text, truth_text

DIGITS = 24
FOLDER = Path(relentropy.testing.__file__).parent / STORE
SAMPLED = ("k1", "k2", "k3", "abs")
CLOSED_FORMS = {family.name: family for family in FAMILIES}


def options_of(kind, inputs):
    """Keywords of the oracle's definition."""
    if kind.form == "row" and kind.name != "logsumexp":
        return {"from_logits": inputs in {"logits", "log_probs"}}
    return {"from_logits": inputs == "logits"} if kind.name.startswith("binary") else {}


def written(values, numbers=None):
    """Texts of numbers, and of their condition numbers where one is not 1."""
    texts = [" ".join(truth_text(v, DIGITS) for v in values)]
    conditions = [condition_text(c) for c in numbers or ()]
    if set(conditions) - {"1"}:
        texts.append(" ".join(conditions))
    return texts


def evaluated(task):
    """What is stored of one regime."""
    name, inputs, regime = task
    kind = KINDS[name]
    options = options_of(kind, inputs)
    points = list(zip(*(x.tolist() for x in regime.operands), strict=True))
    values, numbers = [], []
    for point in points:
        value = _value(name, point, options)
        values += value if isinstance(value, list) else [value]
        if name not in SAMPLED and name not in CLOSED_FORMS:
            numbers.append(condition(name, point, options, value))
    stored = {"crc": checksum(regime), "value": written(values, numbers)}
    if regime.slopes:
        stored["slopes"] = {
            meaning: _slopes(kind, points, options | more, shift)
            for meaning, more, shift in meanings(kind, inputs)
        }
    return stored


def _value(name, point, options):
    if name in SAMPLED:
        return estimate(name, *point)
    if name in CLOSED_FORMS:
        return mp.nan if any(map(math.isnan, point)) else CLOSED_FORMS[name].truth(point)
    value = evaluate(name, *point, **options)
    return value[0] if name == "logsumexp" else value


def meanings(kind, inputs):
    """Whose derivatives are right: of what is normalised, and of sums as they stand."""
    yield "normalized", {}, (0, 0)
    if kind.form == "row" and inputs in {"probs", "log_probs"}:
        yield "measure", {"normalize": False}, (0, 0)
        if kind.name == "kl_divergence":  # of sum(p*log(p/q)), without - p + q
            yield "plain", {"normalize": False}, (1, -1)


def _slopes(kind, points, options, shift):
    by_operand = [([], []) for _ in kind.operands]
    for point in points:
        if kind.name in SAMPLED:
            value = estimate_slope(kind.name, *point)
            found = [[(value, 1)], [(-value, 1)]]
        elif kind.name in CLOSED_FORMS:
            found = [
                [pair] for pair in zip(*CLOSED_FORMS[kind.name].slopes(point), strict=True)
            ]
        else:
            weights = seeds((len(point[0]),)) if kind.form == "map" else None
            found = slopes(kind.name, list(point), options, weights)
        steps = shift if any(shift) else (0,) * len(point)
        for (values, numbers), pairs, own, row in zip(
            by_operand, found, steps, point, strict=False
        ):
            entries = row if isinstance(row, list) else [row]
            for (value, number), entry in zip(pairs, entries, strict=True):
                with mp.workprec(4000):
                    # By a logarithm, a unit of mass is the mass itself.
                    step = own * (mp.exp(entry) if options.get("from_logits") else 1)
                    values.append(value + step)
                    if own and mp.isfinite(value):
                        total = abs(value + step)
                        number = (abs(value) + abs(step)) / total if total else mp.inf
                numbers.append(number)
    return [written(values, numbers) for values, numbers in by_operand]


def write(names, processes, *, anew=False):
    """Evaluate what is new; with `anew`, everything (long rows take minutes)."""
    kept = {} if anew else {name: _kept(name) for name in names}
    tasks, places, stored = [], [], {}
    for name in names:
        for inputs in KINDS[name].inputs:
            for dtype in FORMATS:
                own = stored.setdefault(name, {}).setdefault(inputs, {}).setdefault(dtype, [])
                for regime in regimes(KINDS[name], inputs, dtype):
                    known = kept.get(name, {}).get((inputs, dtype, checksum(regime)))
                    own.append(known)
                    if known is None:
                        tasks.append((name, inputs, regime))
                        places.append((own, len(own) - 1))
    order = sorted(range(len(tasks)), key=lambda i: -tasks[i][2].operands[0].size)
    with Pool(processes) as pool:
        for i, one in zip(order, pool.imap(evaluated, [tasks[i] for i in order]), strict=True):
            own, place = places[i]
            own[place] = one
    FOLDER.mkdir(exist_ok=True)
    for name, own in stored.items():
        write_truths(_path(name), _laid_out(own).encode())


def _path(name):
    return FOLDER / f"{name}{SUFFIX}"


def write_truths(path, text):
    """Compress a text, unless the file has it already: versions of xz differ in their bytes."""
    if not path.exists() or lzma.decompress(path.read_bytes()) != text:
        path.write_bytes(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))


def _laid_out(stored):
    """JSON with a line for every case."""

    def block(opening, items, closing):
        return opening + "\n" + ",\n".join(items) + "\n" + closing

    def line(case):
        return json.dumps(case, separators=(",", ":"))

    by_inputs = [
        block(
            f'"{inputs}": {{',
            [block(f'"{dtype}": [', map(line, cases), "]") for dtype, cases in own.items()],
            "}",
        )
        for inputs, own in stored.items()
    ]
    return block("{", by_inputs, "}") + "\n"


def _kept(name):
    """What is stored already, by the form of the operands, dtype and checksum."""
    if not _path(name).exists():
        return {}
    return {
        (inputs, dtype, one["crc"]): one
        for inputs, by_dtype in truths(name).items()
        for dtype, cases in by_dtype.items()
        for one in cases
    }


def main():
    known = [kind.name for kind in KINDS.values() if kind.form in {"point", "row", "map"}]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", nargs="*", default=known)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--anew", action="store_true", help="also what is stored already")
    chosen = parser.parse_args()
    write(chosen.kind, chosen.processes, anew=chosen.anew)


if __name__ == "__main__":
    main()
