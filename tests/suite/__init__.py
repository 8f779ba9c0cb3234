"""The generated suite: every record, in every dtype, on every backend."""
