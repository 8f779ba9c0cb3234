"""Every record against its table of hard cases, in every dtype, on every backend."""

from relentropy._records import RECORDS

from .backends import combinations
from .measured import bound, each_record, run


@each_record(combinations(), records=RECORDS.values())
def test_hard_cases(record, backend, dtype):
    with backend.active():
        failures, cases = [], 0
        for measured in run(record, dtype, backend):
            cases += 1
            error, line = measured.worst()
            if not error <= bound(record, measured.case, backend):
                failures.append(line)
        assert cases, "a record without a table"
        assert not failures, f"{len(failures)} of {cases} cases:\n" + "\n".join(failures)
