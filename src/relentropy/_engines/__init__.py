"""Third floor: compiled twins of the formulas, used where they are there.

``config``  which engine serves, on how many threads, and what says so
``_cpu``    the extension module, built from ``native``; missing where nothing could compile it
``native``  its sources
"""
