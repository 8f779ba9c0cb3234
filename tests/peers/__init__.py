"""The peers' own tests, run against the look-alikes: `nox -s peers`."""
